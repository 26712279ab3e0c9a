"""The commands in docs/report.md run, and its pictures are there."""

from __future__ import annotations

import re
import shlex
import shutil

import numpy as np

from tests.support.pretend import Pretend, pretend
from tests.support.project import ROOT

__all__ = ["pretend"]

PAGE = (ROOT / "docs/report.md").read_text(encoding="utf-8")


def test_every_command_runs(pretend: Pretend) -> None:
    pretend.config("one")
    assert pretend.record().code == 0
    pretend.values["one"] = np.ones(64, np.float32)
    commands = [
        line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
    ]
    assert len(commands) == 3
    for command in commands:
        words = shlex.split(command)
        assert pretend.harness(*words[1:]).code == 1, command
        if words[1] == "verify":
            shutil.copytree(pretend.folder / "out", pretend.folder / "artifact")
    assert "1 of 1 case failed" in (pretend.folder / "review.html").read_text(encoding="utf-8")


def test_every_key_is_one_of_the_page() -> None:
    script = (ROOT / "harness/report/page/script.js").read_text(encoding="utf-8")
    told = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    arrows = {"←": "ArrowLeft", "→": "ArrowRight"}
    keys = {arrows.get(key, key) for cell in told for key in re.findall(r"`(\S+)`", cell)} - {"Enter"}
    bound = set(re.findall(r'^    "?([^\s":]+)"?: \(\) =>', script, re.MULTILINE))
    assert keys <= bound
    assert len(keys) == 13
