"""Workers that tests fork are those that they would start, and what serves them goes with the session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from harness import __version__
from tests.run.processes import gone
from tests.support.project import Project, Ran
from tests.support.starts.client import LATE, ROOT, SESSION, is_plain

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")


def test_what_tests_bring_along_is_started() -> None:
    plain = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    assert is_plain(plain)
    assert not is_plain({**plain, "PYTHONPATH": f"/site{os.pathsep}{ROOT}"})
    assert not is_plain({**plain, "OMP_NUM_THREADS": "2"})
    assert is_plain({**plain, "PYTHONPATH": f"/site{os.pathsep}{ROOT}", LATE: "PYTHONPATH"})
    assert not is_plain({**plain, "PYTHONPATH": f"/site{os.pathsep}{ROOT}", LATE: "ANOTHER"})


def test_commands_are_forked_each_in_its_own_folder_and_environment(tmp_path: Path) -> None:
    one, two = Project(tmp_path / "one"), Project(tmp_path / "two").with_variables(HARNESS_THREADS="none")
    for project, name in ((one, "a"), (two, "b")):
        project.config(name)
    assert one.harness("--version") == Ran(0, f"diffusers-goldens {__version__}\n", "")
    listed = one.harness("list", "--json", "-")
    assert [case["case"] for case in json.loads(listed.out)["cases"]] == ["a"]
    refused = two.harness("verify")
    assert (refused.code, refused.out) == (2, "")
    assert "error: HARNESS_THREADS=none: not a thread count" in refused.err
    assert one.harness("verfy").code == 2
    assert one.harness("list").code == 0


SEEN = """\
import os, sys
if "harness.worker" in sys.orig_argv:
    imported = [name for name in ("torch", "diffusers") if name in sys.modules]
    print(os.environ["NOTE"], *imported, file=open("seen", "a"))
"""


def test_what_may_come_late_is_brought_along_by_a_fork(tmp_path: Path) -> None:
    project = Project(tmp_path).patch_late(SEEN, "NOTE")
    project.config("absent", "pipeline: DDIMPipeline\nmodel: {id: nobody/nothing}\nsteps: 1\n")
    for note in ("one", "two"):
        assert project.with_variables(NOTE=note).harness("verify", "--device", "cpu").code == 0
    assert (tmp_path / "seen").read_text().splitlines() == ["one torch diffusers", "two torch diffusers"]


def test_commands_share_a_server_that_ends_with_the_session(tmp_path: Path) -> None:
    session = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    folder = Path(tempfile.gettempdir()) / f"harness-tests-{os.getuid()}-{session.pid}"
    project = Project(tmp_path).with_variables(**{SESSION: str(session.pid)})
    project.config("absent", "pipeline: DDIMPipeline\nmodel: {id: nobody/nothing}\nsteps: 1\n")
    with session:
        for _ in range(2):
            assert project.harness("verify", "--device", "cpu").code == 0
            assert project.verdicts() == {"absent": "skipped"}
        [log] = folder.glob("*.log")
        served = [int(line) for line in log.read_text().splitlines() if line.isdecimal()]
        session.kill()
    assert len(served) == 2
    assert all(map(gone, served))
    deadline = time.monotonic() + 60
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not folder.exists()
