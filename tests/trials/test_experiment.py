"""Experiments: what is concluded when, in which order, and what is left on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.capture import Completed, Lost, Outcome
from harness.core.perturbation import Perturbation
from harness.core.trace import TraceLevel
from harness.invocation.options import Options
from harness.report.terminal import Screen
from harness.run.trial import Trial
from harness.trials.experiment import Experiment, Outcomes, conduct_all, with_replay
from harness.trials.session import Session, open_session
from tests.core.samples import case
from tests.golden.builders import environment
from tests.support import pools


@pytest.fixture
def conducted(monkeypatch: pytest.MonkeyPatch) -> pools.FakePool:
    """Every trial leaves a file; a lost one leaves none."""

    def outcome(trial: Trial) -> Outcome:
        if trial.case.id == "lost":
            return Lost("killed")
        trial.capture.parent.mkdir(parents=True, exist_ok=True)
        trial.capture.write_text(trial.case.id)
        return Completed(str(trial.capture), environment(), 2.0)

    return pools.install(monkeypatch, outcome)


@pytest.fixture
def session(tmp_path: Path, conducted: pools.FakePool) -> Iterator[Session]:
    with open_session(Options(out=tmp_path, jobs=3), Screen(quiet=True), 0) as opened:
        yield opened


def trial(folder: Path, name: str, label: str) -> Trial:
    return Trial(case(id=name), folder / f"{label}.safetensors", further=True)


def test_each_is_concluded_once_with_its_own_outcomes_in_the_order_of_its_trials(
    tmp_path: Path, session: Session
) -> None:
    concluded = dict[str, Outcomes]()

    def experiment(name: str, *labels: str) -> Experiment:
        return Experiment(
            tuple(trial(tmp_path, name, label) for label in labels),
            lambda outcomes: concluded.__setitem__(name, outcomes),
        )

    both, alone = experiment("a", "a1", "a2"), experiment("b", "b")
    assert list(conduct_all(session, [("A", [both]), ("B", [alone])])) == ["A", "B"]
    assert [one.path for one in concluded["a"] if isinstance(one, Completed)] == [
        str(tmp_path / "a1.safetensors"),
        str(tmp_path / "a2.safetensors"),
    ]
    assert len(concluded["b"]) == 1


def test_a_subject_comes_when_its_last_experiment_is_concluded(tmp_path: Path, session: Session) -> None:
    told = list[str]()
    planned = [
        (
            name,
            [
                Experiment((trial(tmp_path, name, f"{name}{n}"),), lambda _: told.append("one"))
                for n in (1, 2)
            ],
        )
        for name in ("a", "b")
    ]
    for subject in conduct_all(session, planned):
        told.append(subject)
    assert told == ["one", "one", "a", "one", "one", "b"]


def test_a_subject_without_experiments_comes_first(tmp_path: Path, session: Session) -> None:
    one = Experiment((trial(tmp_path, "a", "a"),), lambda _: None)
    assert list(conduct_all(session, [("a", [one]), ("nothing", [])])) == ["nothing", "a"]


def test_captures_go_when_they_have_been_concluded_of_unless_they_are_kept(
    tmp_path: Path, session: Session
) -> None:
    there = dict[str, bool]()

    def look(name: str) -> Experiment:
        one = trial(tmp_path, name, name)
        return Experiment(
            (one,), lambda _: there.__setitem__(name, one.capture.exists()), kept=name == "kept"
        )

    list(conduct_all(session, [(name, [look(name)]) for name in ("kept", "gone", "lost")]))
    assert there == {"kept": True, "gone": True, "lost": False}
    assert [path.stem for path in tmp_path.glob("*.safetensors")] == ["kept"]


def test_a_conclusion_that_raises_ends_it(tmp_path: Path, session: Session) -> None:
    def fails(_: Outcomes) -> None:
        raise LookupError("no limits")

    with pytest.raises(LookupError, match="no limits"):
        list(conduct_all(session, [("a", [Experiment((trial(tmp_path, "a", "a"),), fails)])]))


def test_a_replay_is_the_same_trial_fed_with_the_base(tmp_path: Path) -> None:
    move, base = Perturbation("benign.ulp", 1.0, 3), tmp_path / "base.safetensors"
    plain = Trial(
        case(id="a"), tmp_path / "ulp 0.5.safetensors", 4, TraceLevel.COMPONENTS, perturbation=move,
        variables={"A": "1"}, further=True,
    )  # fmt: skip
    first, replay = with_replay(plain, base)
    assert first is plain
    assert replay.capture == tmp_path / "ulp 0.5-forced.safetensors"
    assert (replay.forced, replay.trace) == (base, TraceLevel.FULL)
    assert (replay.case, replay.number, replay.perturbation, replay.variables, replay.further) == (
        plain.case, 4, move, {"A": "1"}, True,
    )  # fmt: skip
