"""What is said while cases run: cases done of all cases, further runs apart, verdicts as they come."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from tests.support.project import ROOT, Project
from tests.support.stand_in import RAISES, SKIPPED, with_stand_ins

CASES = (f"a/{SKIPPED}", f"b/{SKIPPED}", f"c/{SKIPPED}", f"d/{RAISES}")


def _project(folder: Path) -> Project:
    """Four cases, three of which are skipped and one broken; the first has two invariants, runs of their own."""
    project = with_stand_ins(Project(folder), *CASES)
    config = folder / f"configs/{CASES[0]}.yaml"
    config.write_text(config.read_text() + "\ninvariants: {generator_state: exact, batch: exact}\n")
    return project


def _verify(project: Project, output: int) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [project.variables.get("PYTHONPATH", ""), str(ROOT)]))
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "verify"],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": path, "TERM": "xterm", "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _on_a_terminal(project: Project) -> str:
    """Everything that was written to the terminal, without its control sequences."""
    ours, theirs = pty.openpty()
    process = _verify(project, theirs)
    os.close(theirs)
    written = bytearray()
    try:
        while part := os.read(ours, 65536):
            written += part
    except OSError:  # so Linux says that nobody writes any more
        pass
    finally:
        os.close(ours)
    assert process.wait() == 1
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())


def _before_the_table(told: str) -> str:
    return told.partition("platform")[0]


def test_in_a_log_each_case_has_a_line_as_it_ends(tmp_path: Path) -> None:
    told, _ = _verify(_project(tmp_path), subprocess.PIPE).communicate()

    for case in CASES:
        verdict = "broken" if case.endswith(RAISES) else "skipped"
        line = rf"^{case}  {verdict}  [\d.]+ s$"
        assert len(re.findall(line, _before_the_table(told), re.MULTILINE)) == 1, told


def test_on_a_terminal_cases_are_counted_by_verdict_and_further_runs_apart(tmp_path: Path) -> None:
    told = _before_the_table(_on_a_terminal(_project(tmp_path)))

    counts = re.findall(r"(\d+) of (\d+) cases?(?:: ([^;\r\n]*))?(?:; (\d+) of (\d+) further runs)?", told)
    assert {total for _, total, *_ in counts} == {"4"}, told
    done, _, words, further, asked = counts[-1]
    assert (done, further, asked) == ("4", "2", "2"), told
    assert set(words.split(", ")) == {"3 skipped", "1 broken"}
    assert "failed" not in told
