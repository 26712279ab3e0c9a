"""`harness accept --interactive`: every failure is shown before it is decided, and nothing else is accepted."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.golden.header import read_document
from tests.commands.conftest import GOLDEN
from tests.golden.builders import environment
from tests.review.conftest import drifted, pretend
from tests.support.files import edit
from tests.support.pretend import CONFIG, VALUES, Pretend
from tests.support.project import ROOT, Project, Ran

__all__ = ["drifted", "pretend"]


@pytest.fixture
def failing(drifted: Pretend) -> Pretend:
    """Two causes: `a/one` and `a/three` drifted, `a/two` is stale; `a/four` passes."""
    for name in ("a/three", "a/four"):
        drifted.config(name)
    drifted.values["a/three"] = VALUES
    assert drifted.record("a/three", "a/four").code == 0
    drifted.values["a/three"] = VALUES + np.float32(0.5)
    drifted.config("a/two", CONFIG.replace("steps: 2", "steps: 3"))
    assert drifted.harness("verify").code == 1
    verdicts = {case["case"]: case["verdict"] for case in drifted.report()["cases"]}
    assert verdicts == {"a/four": "identical", "a/one": "drifted", "a/three": "drifted", "a/two": "stale"}
    return drifted


class Fading(io.StringIO):
    """Lines, then Ctrl-C."""

    def readline(self, *given: int) -> str:  # type: ignore[override]
        line = super().readline(*given)
        if not line:
            raise KeyboardInterrupt
        return line


def answered(
    project: Pretend, monkeypatch: pytest.MonkeyPatch, lines: str, *words: str, stream: type = io.StringIO
) -> tuple[Ran, dict[str, str]]:
    """What the command shows if these lines are typed, and the state of each case."""
    monkeypatch.setattr("sys.stdin", stream(lines))
    ran = project.harness("accept", "--interactive", "--json", "a.json", *words)
    told = json.loads((project.folder / "a.json").read_text())["cases"]
    return ran, {one["case"]: one["state"] for one in told}


def reasons(project: Pretend, case: str) -> list[str]:
    return [entry.reason for entry in read_document(project.golden(case)).history]


def test_yes_and_no_and_skip(failing: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, states = answered(failing, monkeypatch, "y\nthe scheduler was fixed\nn\nthe steps are wrong\n")
    assert ran.code == 0, ran.err
    assert states == {"a/one": "updated", "a/three": "updated", "a/two": "rejected"}
    assert reasons(failing, "a/one") == ["", "the scheduler was fixed"] == reasons(failing, "a/three")
    assert reasons(failing, "a/two") == [""]
    sidecar = failing.golden("a/two").with_name("cpu-x86_64.rejected.json")
    assert json.loads(sidecar.read_text())["rejections"][0]["reason"] == "the steps are wrong"
    assert failing.harness("verify").code == 1
    assert failing.of("a/two")["rejected"]["reason"] == "the steps are wrong"


def test_the_screen(failing: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(failing.folder / "out/report-pictures")
    for case, name in (("a/one", "golden.png"), ("a/two", "now.gif")):
        picture = failing.folder / "out/report-pictures" / case / name
        picture.parent.mkdir(parents=True)
        picture.write_bytes(b"a picture")
    ran, states = answered(failing, monkeypatch, "s\nskip\n")
    assert states == {"a/one": "left", "a/three": "left", "a/two": "left"}
    groups, rest = ran.out.split("\ncase ")
    assert groups == (
        "\n"
        "group 1 of 2  2 cases: 2 drifted\n"
        "  outputs differ by more than their limits; it is unknown where it began\n"
        "\n"
        "drifted  a/one  (cpu-x86_64, same)\n"
        "  images: not bit for bit equal, max_abs 0.25, rel_l2 0.431\n"
        "  images  float32 64\n"
        "    would need: max_abs 0.26, rel_l2 0.44\n"
        "    max_abs 0.25, mean_abs 0.25, rel_l2 0.431, cosine_distance 0.0124, psnr 12,\n"
        "      max_ulp 1.0e+09, mismatched 1\n"
        "  picture: out/report-pictures/a/one/golden.png\n"
        "\n"
        "drifted  a/three  (cpu-x86_64, same)\n"
        "  not exact, max_abs 0.5\n"
        "\n"
        "group 2 of 2  1 case: stale\n"
        "  steps: 2 → 3\n"
        "\n"
        "stale  a/two  (cpu-x86_64, same)\n"
        "  steps: 2 → 3\n"
        "  picture: out/report-pictures/a/two/now.gif"
    )
    assert "left" in rest
    choices = "[y]es, [n]o, [s]kip, [e]ach, [q]uit: "
    assert f"accept these 2 cases? {choices}" in ran.err
    assert "accept a/two? [y]es, [n]o, [s]kip, [q]uit: " in ran.err


def test_quit_keeps_what_was_decided(failing: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, states = answered(failing, monkeypatch, "Y\nq\n", "--reason", "a fix")
    assert ran.code == 0
    assert states == {"a/one": "updated", "a/three": "updated", "a/two": "left"}
    assert reasons(failing, "a/one") == ["", "a fix"]


@pytest.mark.parametrize("lines", ["", "what?\n", "y\n", "y\n\x1b[31m\n", "n\n", "e\n"])
def test_the_end_of_the_input_accepts_nothing_more(
    failing: Pretend, monkeypatch: pytest.MonkeyPatch, lines: str
) -> None:
    before = {path: path.read_bytes() for path in failing.folder.glob("goldens/**/*.*")}
    ran, states = answered(failing, monkeypatch, lines)
    assert ran.code == 0
    assert set(states.values()) == {"left"}
    assert {path: path.read_bytes() for path in failing.folder.glob("goldens/**/*.*")} == before


def test_ctrl_c_accepts_nothing_more_and_says_what_was(
    failing: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, states = answered(failing, monkeypatch, "y\nthe scheduler was fixed\n", stream=Fading)
    assert ran.code == 130
    assert states == {"a/one": "updated", "a/three": "updated", "a/two": "left"}


def test_each_case_of_a_group_by_itself(failing: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, states = answered(failing, monkeypatch, "each\ny\nbrighter is better\nn\n\ns\n")
    assert states == {"a/one": "updated", "a/three": "left", "a/two": "left"}
    assert "group 1 of 3  1 case: drifted" in ran.out
    assert "group 3 of 3  1 case: stale" in ran.out


def test_an_empty_reason_leaves_the_group(failing: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    _, states = answered(failing, monkeypatch, "y\n\nq\n")
    assert set(states.values()) == {"left"}


def test_passes_are_not_shown_and_not_accepted(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    """`a/two` would be recorded again in another environment, but nobody has seen it."""
    drifted.here = environment(torch="2.14.0")
    drifted.harness("verify")
    before = drifted.golden("a/two").read_bytes()
    _, states = answered(drifted, monkeypatch, "y\n", "--reason", "a fix")
    assert states == {"a/one": "updated"}
    assert drifted.golden("a/two").read_bytes() == before


def test_drafts_can_be_proposed_so(failing: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, states = answered(failing, monkeypatch, "y\nlet us see\nq\n", "--draft")
    assert states == {"a/one": "proposed", "a/three": "proposed", "a/two": "left"}
    assert "propose these 2 cases? " in ran.err


def test_what_changes_while_somebody_looks_is_not_accepted(
    failing: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Meanwhile(io.StringIO):
        def readline(self, *given: int) -> str:  # type: ignore[override]
            failing.capture("a/one").write_bytes(failing.capture("a/three").read_bytes())
            return super().readline(*given)

    ran, states = answered(failing, monkeypatch, "y\nq\n", "--reason", "a fix", stream=Meanwhile)
    assert ran.code == 3
    assert states == {"a/one": "error", "a/three": "updated", "a/two": "left"}
    assert reasons(failing, "a/one") == [""]


def test_confirm_is_another_thing(failing: Pretend) -> None:
    with pytest.raises(SystemExit):
        failing.harness("accept", "--interactive", "--confirm")


def test_a_kill_between_two_groups_keeps_the_first(failing: Pretend) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "accept", "--interactive", "--reason", "a fix"],
        cwd=failing.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write("y\n")
    process.stdin.flush()
    asked = ""
    while "accept a/two?" not in asked:
        asked += (letter := process.stderr.read(1))
        assert letter, asked
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert reasons(failing, "a/one") == ["", "a fix"] == reasons(failing, "a/three")
    assert reasons(failing, "a/two") == [""]


def test_the_growth_of_a_recorded_case(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A golden with a trace, whose output another hand moved: the curve of every event is there."""
    edit(project.folder / GOLDEN, "output/images", lambda images: images + np.float32(0.25))
    assert project.harness("verify", "ddim/two", "--device", "cpu").code == 1
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    shown = Pretend(project.folder).harness("accept", "ddim/two", "--interactive", "--reason", "a fix")
    assert shown.code == 0, shown.err
    assert "every event of the trace is bit-identical" in shown.out
    assert read_document(Path(project.folder / GOLDEN)).history[-1].reason == "a fix"


def test_the_pictures_of_the_last_verify_are_named(failing: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, _ = answered(failing, monkeypatch, "q\n")
    [folder] = {line.strip().rpartition("/")[0] for line in ran.out.splitlines() if "picture: " in line} - {
        "picture: out/report-pictures/a/three"
    }
    assert folder == "picture: out/report-pictures/a/one"
