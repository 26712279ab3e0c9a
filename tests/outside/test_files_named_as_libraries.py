"""A file in the current folder that is called as a library is never run by a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["torch.py", "harness/__init__.py", "json.py"])
def test_it_does_not_run(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("open('it-ran', 'w').close()\nraise SystemExit('it ran')\n")
    code = (
        "from pathlib import Path\n"
        "from harness.run.process import WorkerProcess\n"
        "worker = WorkerProcess({}, 'no-such-device', Path('log'))\n"
        "print(worker.wait_ready())\n"
        "worker.kill()\n"
    )
    # The parent is safe here by -P, as the installed script `harness` is.
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Ready" in done.stdout or "no-such-device" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "it-ran").exists()
