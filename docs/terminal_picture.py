"""Make docs/images/verify.svg: a real `harness verify` in a terminal, after a scheduler was changed.

The cases are recorded first, so that nothing but the change differs.

    python docs/terminal_picture.py
"""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.project import patch_of  # noqa: E402

CASES = ("ddim/cpu-generator", "ddim/unseeded", "ddpm/fifty-steps")
WIDTH = 100

CHANGE = patch_of(
    "diffusers.schedulers.scheduling_ddpm",
    """\
step = module.DDPMScheduler.step
def changed(self, model_output, timestep, sample, **kwargs):
    return step(self, model_output * 1.0001, timestep, sample, **kwargs)
module.DDPMScheduler.step = changed""",
)
"""The scheduler's step scales the noise prediction up by 0.01 %."""


def main() -> None:
    """Run in a copy of the shipped configs, and save the picture."""
    harness = [sys.executable, "-m", "harness"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in CASES:
            (folder / "configs" / case).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / f"configs/{case}.yaml", folder / f"configs/{case}.yaml")
            shutil.copytree(ROOT / "goldens" / case, folder / "goldens" / case)
        in_terminal([*harness, "record", "--update", "--no-gates", "--device", "cpu"], folder)
        (folder / "site").mkdir()
        (folder / "site/sitecustomize.py").write_text(CHANGE)
        shown = in_terminal([*harness, "verify", "--device", "cpu"], folder)
    with Path(os.devnull).open("w") as nowhere:
        console = Console(
            record=True, width=WIDTH, file=nowhere, force_terminal=True, color_system="truecolor"
        )
        console.print(Text.assemble(("$ ", "bold green"), "harness verify"))
        console.print(Text.from_ansi(shown))
        console.save_svg(str(ROOT / "docs/images/verify.svg"), title="harness verify")


def in_terminal(command: list[str], folder: Path) -> str:
    """The final screen of `command` on a terminal of WIDTH columns, with colours but without the live display."""
    parent, child = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(WIDTH), "LINES": "50", "TERM": "xterm-256color"}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder / "site"), str(ROOT)])
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=child, stderr=child)
    os.close(child)
    shown = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    process.wait()
    # The live display erases itself: only what follows its last erased line stays.
    return shown.decode().rpartition("\x1b[2K")[2].rpartition("\x1b[?25h")[2].replace("\r\n", "\n")


if __name__ == "__main__":
    main()
