"""Closed, broken and full standard streams: verdicts and files are what they always are, and so is the exit code."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from harness.report.json_report import verify_json
from tests.core.samples import case
from tests.golden.builders import write_capture
from tests.report.samples import PASSING
from tests.support.project import ROOT, Project
from tests.support.stand_in import RAISES, SKIPPED, with_stand_ins

CLOSED = ["".join(parts) for parts in product(("", " <&-"), ("", " >&-"), ("", " 2>&-"))]
"""Standard input, output and error closed in every combination."""


@dataclass(frozen=True)
class Shell:
    """Runs the command line under bash with redirections."""

    project: Project

    def code(self, words: str, redirected: str) -> int:
        """The exit code of `harness`, also where it writes to a pipe that is not read."""
        python = shlex.join([sys.executable, "-m", "harness"])
        done = subprocess.run(
            ["bash", "-c", f"{python} {words}{redirected}; exit ${{PIPESTATUS[0]}}"],
            cwd=self.project.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.project.variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        for said in (done.stdout, done.stderr):
            assert "Traceback" not in said, (words, redirected, said)
            assert "Exception ignored" not in said, (words, redirected, said)
        return done.returncode


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    project = with_stand_ins(Project(tmp_path), SKIPPED, RAISES)
    (tmp_path / "goldens").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.json").write_text(verify_json(PASSING))
    for number, name in enumerate(("a", "b")):
        write_capture(tmp_path / f"{name}.safetensors", {"images": np.float32([number])}, case=case())
    return Shell(project)


def codes(shell: Shell, words: str, redirections: Sequence[str]) -> dict[str, int]:
    return {redirected: shell.code(words, redirected) for redirected in redirections}


def test_list_writes_its_file_whatever_is_closed(shell: Shell) -> None:
    path = shell.project.folder / "list.json"
    for redirected in CLOSED:
        path.unlink(missing_ok=True)
        assert shell.code("list --json list.json", redirected) == 0, redirected
        assert len(json.loads(path.read_text())["cases"]) == 2, redirected


def test_verify_judges_as_ever(shell: Shell) -> None:
    unharmed = [" <&-", " >&-", " 2>&-", " <&- >&- 2>&-", " 2>/dev/full", " | true", " 2>&1 >&- | true"]
    for redirected in ["", *unharmed]:
        (shell.project.folder / "out" / "report.json").unlink()
        assert shell.code("verify --device cpu", redirected) == 1, redirected
        assert shell.project.verdicts() == {RAISES: "broken", SKIPPED: "skipped"}, redirected


def test_json_that_cannot_be_delivered_is_exit_code_3(shell: Shell) -> None:
    words = "verify --device cpu --json -"
    expected = {
        "": 1,
        " >&-": 3,
        " >&- 2>&-": 3,
        " >/dev/full": 3,
        " | true": 1,
        " 2>&-": 1,
        " 2>/dev/full": 1,
    }
    assert codes(shell, words, list(expected)) == expected
    assert shell.project.verdicts() == {RAISES: "broken", SKIPPED: "skipped"}


@pytest.mark.parametrize(
    ("words", "usual"),
    [
        ("list", 0),
        ("schema", 0),
        ("compare a.safetensors b.safetensors", 1),
        ("report", 0),
        ("--version", 0),
        ("verify --help", 0),
        ("verfy", 2),
        ("list --configs nowhere", 2),
    ],
)
def test_what_only_reads_ends_as_ever_and_with_3_where_the_disk_is_full(
    shell: Shell, words: str, usual: int
) -> None:
    full = usual if usual == 2 else 3
    expected = {"": usual, " >&-": usual, " <&- >&- 2>&-": usual, " | true": usual, " 2>/dev/full": usual}
    expected[" >/dev/full"] = full
    assert codes(shell, words, list(expected)) == expected


def test_a_full_disk_is_named_on_standard_error(shell: Shell) -> None:
    log = shell.project.folder / "log"
    assert shell.code("list", f" 2>{log} >/dev/full") == 3
    full = "No space left on device"
    assert log.read_text() == (
        f"error: standard output: cannot be written ({full}); free the space, or send it elsewhere\n"
    )
    assert shell.code("list --json -", f" 2>{log} >/dev/full") == 3
    assert log.read_text().splitlines()[-1] == (
        f"error: standard output: the JSON could not be written ({full}); "
        "name a file with --json FILE, or send standard output elsewhere"
    )


def test_a_terminal_that_cannot_show_every_character_is_no_failure(shell: Shell) -> None:
    shell.project.config("é")
    plain = Shell(shell.project.with_variables(PYTHONIOENCODING="ascii"))
    assert plain.code("list", " > list.txt") == 0
    assert "\\xe9" in (shell.project.folder / "list.txt").read_text()


def test_a_real_worker_runs_where_every_stream_is_closed(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.config("two")
    assert Shell(project).code("verify --device cpu", " <&- >&- 2>&-") == 1
    assert project.verdicts() == {"two": "no-golden"}
    assert (tmp_path / "out/captures/two/capture.safetensors").is_file()
