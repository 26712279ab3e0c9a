"""`harness repeat` over the real command line."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from harness.commands.repeat import repeat
from harness.core.capture import Completed, Outcome
from harness.core.case import Determinism
from harness.core.flags import Flags
from harness.golden.header import read_document
from harness.invocation.options import Options, RepeatOptions
from harness.report.terminal import Screen
from harness.run.trial import Trial
from tests.golden.builders import environment, write_capture
from tests.support import pools
from tests.support.project import Project


def test_seeded_is_deterministic(project: Project) -> None:
    ran = project.harness("repeat", "ddim/two", "--runs", "2", "--device", "cpu", "--jobs", "2")
    assert ran.code == 0, ran.out + ran.err
    case = project.report("repeat.json")["cases"][0]
    assert case["deterministic"] is True
    assert [distance["max_abs"] for distance in case["distances"]] == [0.0]


def test_unseeded_is_not_and_every_pair_of_runs_is_measured(project: Project) -> None:
    ran = project.harness("repeat", "unseeded", "--runs", "3", "--device", "cpu", "--jobs", "2")
    assert ran.code == 1
    assert "not deterministic" in ran.out
    distances = project.report("repeat.json")["cases"][0]["distances"]
    assert [(distance["first"], distance["second"]) for distance in distances] == [(1, 2), (1, 3), (2, 3)]
    assert all(distance["max_abs"] > 0.01 for distance in distances)


def test_reused_workers_and_both_kinds_of_flags(project: Project) -> None:
    # One thread whatever the flags: on busy cores threads wait for each other longer than they work.
    ran = project.with_variables(HARNESS_THREADS="1").harness(
        "repeat", "ddim/two", "--runs", "2", "--reuse", "--flags", "both", "--device", "cpu", "--jobs", "2"
    )
    assert ran.code == 0, ran.out + ran.err
    on, off = project.report("repeat.json")["cases"]
    assert [(one["flags"], one["runs"], one["reused"]) for one in (on, off)] == [("on", 4, 2), ("off", 4, 2)]
    assert len(on["distances"]) == len(off["distances"]) == 6
    assert [(one["first"], one["second"]) for one in off["apart"]] == [(1, 1)]
    loads = [_loading_seconds(project, f"repeat-{number}") for number in (1, 2, 3, 4)]
    assert [seconds > 0 for seconds in loads] == [True, True, True, False]


def _loading_seconds(project: Project, name: str) -> float:
    path = project.folder / f"out/captures/ddim/two/{name}.safetensors"
    return read_document(path).seconds.load


class _Lottery:
    """Runs nothing: each capture holds its run's number unless one switch is on, and counts what was asked."""

    def __init__(self, switch: str) -> None:
        self.switch = switch
        self.asked: list[str] = []

    def outcome(self, trial: Trial) -> Outcome:
        self.asked.append(trial.capture.stem)
        wished = trial.case.determinism
        settled = getattr(wished, self.switch) == getattr(Determinism(), self.switch)
        images = np.float32([0 if settled else trial.number])
        write_capture(trial.capture, {"images": images}, case=trial.case)
        return Completed(str(trial.capture), environment(), 1.0)


def _repeated(
    lottery: _Lottery, flags: tuple[Flags, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, list[dict]]:
    pools.install(monkeypatch, lottery.outcome)
    Project(folder).config("two")
    stream = io.StringIO()
    options = Options(configs=folder / "configs", out=folder / "out")
    repeat(options, RepeatOptions(2, flags=flags), Screen(quiet=False, stream=stream))
    return stream.getvalue(), Project(folder).report("repeat.json")["cases"]


def test_the_switch_that_makes_the_difference_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, (on, off) = _repeated(_Lottery("cudnn_benchmark"), tuple(Flags), tmp_path, monkeypatch)
    assert (on["deterministic"], off["deterministic"]) == (True, False)
    assert on["switches"] == []
    trials = {one["switch"]: (one["deterministic"], one["max_abs"]) for one in off["switches"]}
    assert trials.pop("cudnn_benchmark") == (True, 0.0)
    assert len(trials) == 7
    assert set(trials.values()) == {(False, 1.0)}
    assert off["apart"][0]["max_abs"] == 1.0  # the first run holds 1 with flags off, 0 with them on
    assert "cudnn_benchmark alone makes the runs agree" in text


def test_no_switch_is_tried_where_flags_are_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lottery = _Lottery("no switch")
    monkeypatch.setattr(Determinism, "no switch", property(lambda _self: object()), raising=False)
    _, (on,) = _repeated(lottery, (Flags.ON,), tmp_path, monkeypatch)
    assert on["deterministic"] is False
    assert lottery.asked == ["repeat-1", "repeat-2"]
