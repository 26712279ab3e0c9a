"""Start without the variable that keeps numpy from instructions beyond AVX2, if numpy refuses it."""

from __future__ import annotations

import importlib
import os
import sys
import warnings

from harness.core.portable.switches import NUMPY_VARIABLE


def spare_numpy() -> None:
    """Restart this process without that variable if numpy cannot be imported with it.

    A numpy whose baseline includes such instructions raises RuntimeError if the variable names one of them, and
    cannot be imported again in the same process (numpy/_core/src/common/npy_cpu_features.c). Such a process is
    not portable, which `harness.worker.portable.proof` reports. numpy's warning about unknown names is ignored:
    the variable lists the names of all releases. Does nothing unless the variable is set; call it before
    anything is read from the pipe.
    """
    if NUMPY_VARIABLE not in os.environ:
        return
    warnings.filterwarnings("ignore", f"During parsing environment variable: '{NUMPY_VARIABLE}'")
    try:
        importlib.import_module("numpy")
    except Exception:
        # Any other problem of numpy comes up again where numpy is needed, and is reported there.
        environment = {name: value for name, value in os.environ.items() if name != NUMPY_VARIABLE}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
