"""How far apart the runs of a case are, and which switch makes the difference."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from harness.commands.repeat import repeat
from harness.core.capture import Completed, Outcome
from harness.core.case import Determinism
from harness.core.flags import Flags
from harness.invocation.options import Options, RepeatOptions
from harness.measure.repeatability import group_of
from harness.report.terminal import Screen
from harness.run.trial import Freshness, Trial
from tests.core.samples import case
from tests.golden.builders import environment, write_capture
from tests.support import pools
from tests.support.project import Project


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


def test_fresh_runs_begin_differently_and_the_reused_ones_share_a_worker() -> None:
    group = group_of(case(), Flags.ON, RepeatOptions(2, reuse=True), Path("out"))
    assert [trial.number for trial in group.trials] == [1, 2, 3, 4]
    assert [trial.freshness for trial in group.trials] == [Freshness.FRESH] * 2 + [Freshness.ONE_WORKER] * 2
    assert [trial.variables.get("PYTHONHASHSEED") for trial in group.trials] == ["0", "1", None, None]


def test_with_flags_off_nothing_is_asked_of_torch() -> None:
    off = group_of(case(), Flags.OFF, RepeatOptions(2), Path("out")).case.determinism
    asked = (off.algorithms, off.cublas_workspace, off.cudnn_deterministic, off.portable)
    assert asked == (False, None, False, False)
    assert group_of(case(), Flags.ON, RepeatOptions(2), Path("out")).case == case()
