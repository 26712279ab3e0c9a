"""A session: earlier captures go first, the display hears of every trial, and `auto` asks what there is room for."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.capture import Completed, Lost, Outcome
from harness.errors import StoreError
from harness.invocation.options import Options
from harness.report.terminal import Screen
from harness.run.pool import Observer
from harness.run.trial import Trial
from harness.trials.session import open_session
from tests.core.samples import case
from tests.golden.builders import environment
from tests.support import pools


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> pools.FakePool:
    return pools.install(monkeypatch, lambda trial: Completed(str(trial.capture), environment(), 0.0))


def test_a_capture_of_an_earlier_invocation_is_gone_before_its_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[bool]()

    def outcome(trial: Trial) -> Outcome:
        seen.append(trial.capture.exists())
        return Lost("killed")

    pools.install(monkeypatch, outcome)
    with open_session(Options(out=tmp_path), Screen(quiet=True), 1) as session:
        own, following = Trial(case(), session.path(case())), Trial(case(), session.path(case(), "forced"))
        for one in (own, following):
            one.capture.parent.mkdir(parents=True, exist_ok=True)
            one.capture.write_text("old")
        then = {own.capture: following}
        list(session.conduct([own], then=lambda trial, _: then.get(trial.capture)))
    assert seen == [False, False]


def test_a_capture_that_cannot_go_is_named(tmp_path: Path, pool: pools.FakePool) -> None:
    with open_session(Options(out=tmp_path), Screen(quiet=True), 1) as session:
        session.path(case()).mkdir(parents=True)
        with pytest.raises(StoreError, match=r"capture\.safetensors: cannot be replaced .* --out"):
            list(session.conduct([Trial(case(), session.path(case()))]))


def test_auto_asks_what_there_is_room_for_and_a_number_is_a_number(
    tmp_path: Path, pool: pools.FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[tuple[int, str, int]]()

    def workers(trials: list[Trial], device: str, held: int) -> int:
        asked.append((len(trials), device, held))
        return 7

    monkeypatch.setattr("harness.run.capacity.workers", workers)
    pool.size = 2
    for jobs in ("auto", 4):
        with open_session(Options(out=tmp_path, device="cpu", jobs=jobs), Screen(quiet=True), 1) as session:
            list(session.conduct([Trial(case(), tmp_path / "one")]))
    assert pool.jobs == [7, 4]
    assert asked == [(1, "cpu", 2)]


def test_the_screen_says_what_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[str]()

    def made(_executor: object, observer: Observer, _starts: object) -> pools.FakePool:
        def outcome(trial: Trial) -> Outcome:
            observer.started(trial)
            return Lost("killed")

        return pools.FakePool(outcome)

    monkeypatch.setattr("harness.trials.session.WorkerPool", made)
    with open_session(Options(out=tmp_path), Screen(quiet=True), 1) as session:
        monkeypatch.setattr(session.progress, "started", told.append)
        own = case(id="a")
        trials = [
            Trial(own, session.path(own)),
            Trial(own, session.path(own, "run-2"), 2),
            Trial(own, session.path(own, "invariant-batch"), further=True),
        ]
        list(session.conduct(trials))
    assert told == ["a", "a (run 2)", "a (invariant-batch)"]
