"""A worker starts with every numpy, also with one that refuses to leave out what it is built for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.portable.switches import NUMPY_VARIABLE, VARIABLES
from harness.run.variables import can_be_portable
from tests.support.project import ROOT, Project

SCRIPT = """
import os, sys, warnings
warnings.simplefilter("default")
from harness.worker.environment.numpy_start import spare_numpy
spare_numpy()
import numpy
print(os.environ.get({name!r}), os.environ.get("HARNESS_PORTABLE"), sys.argv[1:], sys.flags.safe_path)
"""

# What numpy's own C code raises (npy_cpu_features.c), from a package of its name.
REFUSES = f"""
import os
if os.environ.get({NUMPY_VARIABLE!r}):
    raise RuntimeError(
        "During parsing environment variable: '{NUMPY_VARIABLE}':\\nYou cannot disable CPU feature 'X86_V4', "
        "since it is part of the baseline optimizations:\\n(X86_V2 X86_V3 X86_V4)."
    )
"""


def start(*folders: Path, value: str | None) -> subprocess.CompletedProcess[str]:
    variables = {
        **os.environ,
        "HARNESS_PORTABLE": "1",
        "PYTHONPATH": os.pathsep.join(map(str, (*folders, ROOT))),
    }
    variables = {**variables, NUMPY_VARIABLE: value} if value is not None else variables
    script = SCRIPT.format(name=NUMPY_VARIABLE)
    command = [sys.executable, "-P", "-c", script, "cpu"]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def test_what_numpy_does_not_choose_by_is_no_warning() -> None:
    done = start(value=VARIABLES[NUMPY_VARIABLE])

    assert done.stdout == f"{VARIABLES[NUMPY_VARIABLE]} 1 ['cpu'] True\n"
    assert done.stderr == ""


def test_a_numpy_that_refuses_is_started_without_the_variable(tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy/__init__.py").write_text(REFUSES)

    done = start(tmp_path, value=VARIABLES[NUMPY_VARIABLE])

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "None 1 ['cpu'] True\n"


def test_the_real_numpy_that_refuses_is_started_without_it() -> None:
    import numpy as np

    core = getattr(np, "_core", None) or np.core
    baseline = core._multiarray_umath.__cpu_baseline__
    if not baseline:
        pytest.skip("this numpy is built for nothing in particular")
    done = start(value=baseline[0])

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "None 1 ['cpu'] True\n"


def test_a_numpy_that_cannot_be_imported_at_all_is_left_to_who_needs_it(tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy/__init__.py").write_text("raise ImportError('no numpy today')")

    done = start(tmp_path, value=VARIABLES[NUMPY_VARIABLE])

    assert done.stderr.splitlines()[-1] == "ImportError: no numpy today"


@pytest.mark.skipif(not can_be_portable(), reason="this CPU has no AVX2")
def test_a_worker_of_such_a_numpy_begins_and_says_that_it_is_not_portable(tmp_path: Path) -> None:
    import numpy as np

    core = getattr(np, "_core", None) or np.core
    refused = next(iter(core._multiarray_umath.__cpu_baseline__), None)
    if refused is None:
        pytest.skip("this numpy is built for nothing in particular")
    project = Project(tmp_path).patch(
        "import os, sys\n"
        f"if 'harness.worker' in sys.orig_argv and os.environ.get({NUMPY_VARIABLE!r}):\n"
        f"    os.environ[{NUMPY_VARIABLE!r}] += ' {refused}'\n"
    )

    ran = project.harness("env", "--portable")

    assert (ran.code, ran.err) == (1, "")
    assert f"not portable: {NUMPY_VARIABLE} is not set instead of AVX512F" in " ".join(ran.out.split())
