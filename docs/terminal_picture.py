"""Make docs/images/verify.svg: a real `harness verify` in a terminal, with one golden moved so that a case fails.

python docs/terminal_picture.py
"""

from __future__ import annotations

import hashlib
import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text
from safetensors import safe_open
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[1]
MOVED = "ddim/fifty-steps@seed=1"
WIDTH = 100


def main() -> None:
    """Run in a copy of the shipped configs and goldens, and save the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("configs", "goldens"):
            shutil.copytree(ROOT / part, folder / part)
        for golden in (folder / "goldens" / MOVED).glob("*.safetensors"):
            move(golden)
        shown = in_terminal([sys.executable, "-m", "harness", "verify", "ddim/*", "--device", "cpu"], folder)
    with Path(os.devnull).open("w") as nowhere:
        console = Console(
            record=True, width=WIDTH, file=nowhere, force_terminal=True, color_system="truecolor"
        )
        console.print(Text.assemble(("$ ", "bold green"), "harness verify 'ddim/*'"))
        console.print(Text.from_ansi(shown))
        console.save_svg(str(ROOT / "docs/images/verify.svg"), title="harness verify")


def move(golden: Path) -> None:
    """Brighten the golden's images by 0.1 %, as a changed VAE scaling would."""
    with safe_open(golden, framework="numpy") as file:
        images, document = file.get_tensor("output/images"), json.loads(file.metadata()["harness"])
    images = images * np.float32(1.001)
    document["sha256"]["output/images"] = hashlib.sha256(images.tobytes()).hexdigest()
    save_file({"output/images": images}, golden, metadata={"harness": json.dumps(document)})


def in_terminal(command: list[str], folder: Path) -> str:
    """What `command` leaves on a terminal of WIDTH columns, with its colours and without its live display."""
    parent, child = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(WIDTH), "LINES": "50", "TERM": "xterm-256color"}
    environment["PYTHONPATH"] = str(ROOT)
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
    # The live display erases itself: what follows its last erased line is what stays.
    return shown.decode().rpartition("\x1b[2K")[2].rpartition("\x1b[?25h")[2].replace("\r\n", "\n")


if __name__ == "__main__":
    main()
