"""Starting where numpy refuses the variable by which a portable run keeps it from instructions beyond AVX2."""

from __future__ import annotations

import importlib
import os
import sys
import warnings

from harness.core.portable.switches import NUMPY_VARIABLE


def spare_numpy() -> None:
    """Begin this process again without that variable where numpy cannot be imported with it.

    A numpy that is built for such instructions from the outset raises RuntimeError when the variable names one
    of them, and cannot be imported a second time in the same process (numpy/_core/src/common/npy_cpu_features.c).
    Such a process is not portable, which `harness.worker.portable.proof` tells. What numpy warns of names that
    it does not choose by says nothing: the variable names those of all releases. Does nothing unless the
    variable is set; call it before anything is read from the pipe.
    """
    if NUMPY_VARIABLE not in os.environ:
        return
    warnings.filterwarnings("ignore", f"During parsing environment variable: '{NUMPY_VARIABLE}'")
    try:
        importlib.import_module("numpy")
    except Exception:
        # Whatever else is wrong with numpy is met again, and told by whoever needs it.
        environment = {name: value for name, value in os.environ.items() if name != NUMPY_VARIABLE}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
