"""A small recorded project whose commands run in the test's own process, with workers that compute nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from tests.support.project import Project
from tests.support.workers import FakeWorkers

RUNNING = ("record", "verify", "explain", "blame", "calibrate", "sensitivity", "repeat")
GOLDEN = "goldens/a/cpu-x86_64.safetensors"


class Bench:
    """A recorded project of the cases a and b in the current folder, whose commands run in this process."""

    def __init__(self, project: Project, ran: FakeWorkers, capsys: pytest.CaptureFixture[str]) -> None:
        self.project, self.ran, self._capsys = project, ran, capsys
        self.asked: list[str] = []

    def run(self, command: str, *words: str) -> tuple[int, str]:
        """The exit code, and what standard output shows, without the seconds."""
        self.ran.pool.conducted.clear()
        self.ran.pool.jobs.clear()
        self.ran.nowhere = command == "sensitivity"  # whose runs need a trace
        self._capsys.readouterr()
        code = main([command, *NEEDED.get(command, ()), *words])
        shown = self._capsys.readouterr().out
        return code, shown if "-" in words else re.sub(r"\d+\.\d+ s\b|\b\d+\.\d\n", "", shown)

    def json(self, command: str, *words: str) -> Any:
        """What the command writes as JSON."""
        self.run(command, *words, "--json", "result.json")
        return json.loads(Path("result.json").read_text())


NEEDED = {
    "show": ("[ab]",),
    "record": ("--no-gates", "--update"),
    "repeat": ("--runs", "2"),
    "compare": (GOLDEN, "goldens/b/cpu-x86_64.safetensors"),
}
"""What each command is called with besides, so that it does something small."""
