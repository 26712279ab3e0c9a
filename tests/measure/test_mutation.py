"""Mutation testing with runs that are made up: what is planted, how each fault is judged, and what is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import Case
from harness.core.measured.mutants import LADDER, MUTANTS
from harness.core.measured.sensitivity import MutantState, SensitivityState
from harness.core.results.measure_reasons import BaseRunFailed, FaultNotJudged
from harness.core.tolerance import Limits, Relation, Rule, Tolerance
from harness.core.trace import TraceLevel
from harness.golden.store import GoldenStore
from harness.invocation.options import Options
from harness.measure import mutation
from harness.measure.mutation import Unmeasurable, conduct_mutants, limit_set, result_of, subjects_of
from harness.report.terminal import Screen
from harness.run.trial import Trial
from harness.trials.session import open_session
from tests.core.samples import case
from tests.golden.builders import environment
from tests.support import pools
from tests.support.traces import Call, write_trace

VALUES = np.linspace(-1.0, 1.0, 64, dtype=np.float32)
LOOSE = Tolerance(Rule.EXACT, Limits(rel_l2=0.5), Rule.REFUSE)
FAULTS = ("guidance.scale", "seeding.noise_scaled", "structure.train_mode", "post_processing.not_clamped")


class Faulty:
    """Workers whose runs with a fault are moved by so much, by its name, or have another outcome."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mutation, "MUTANTS", {name: MUTANTS[name] for name in FAULTS})
        self.options = Options(out=folder / "out", jobs=1)
        self.store = GoldenStore(folder / "goldens")
        self.moves = dict.fromkeys(FAULTS, 2.0)
        self.acts = dict.fromkeys(FAULTS, 1)
        self.outcomes: dict[str, Outcome] = {}
        self.pool = pools.install(monkeypatch, self._outcome)

    def results(self, one: Case, *, ladder: bool = False):
        with open_session(self.options, Screen(quiet=True), 1) as session:
            subjects, failed, _ = subjects_of([one], self.store, session)
            if failed:
                return failed[one.id]
            [subject] = conduct_mutants(subjects, session, ladder=ladder)
            return result_of(subject, self.store)

    def _outcome(self, trial: Trial) -> Outcome:
        name = trial.perturbation.name if trial.perturbation else "base"
        if name in self.outcomes:
            return self.outcomes[name]
        values = (VALUES * np.float32(self.moves.get(name, 1.0))).astype(np.float32)
        calls = [Call("unet.forward", {"sample": VALUES}, {"sample": values})]
        acted = {"perturbed": self.acts[name]} if trial.perturbation else {}
        write_trace(
            trial.capture, calls, returned={"images": values}, case=trial.case, env=environment(),
            forced=trial.forced is not None, **acted,
        )  # fmt: skip
        return Completed(str(trial.capture), environment(), 1.0)


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Faulty:
    return Faulty(tmp_path, monkeypatch)


def test_every_fault_is_planted_once_and_replayed_from_the_base(faulty: Faulty) -> None:
    faulty.results(case(tolerance=LOOSE))
    base, *planted = faulty.pool.conducted
    assert base.perturbation is None
    assert base.trace is TraceLevel.FULL
    pairs = list(zip(planted[::2], planted[1::2], strict=True))
    assert [plain.perturbation.name for plain, _ in pairs if plain.perturbation] == list(FAULTS)
    for plain, replay in pairs:
        assert plain.perturbation == replay.perturbation
        assert (plain.forced, replay.forced) == (None, base.capture)
        # Exact findings need the events, boundaries their tensors as well: full traces of every fault are large.
        assert (plain.trace, replay.trace) == (TraceLevel.COMPONENTS, TraceLevel.FULL)
        assert not plain.capture.exists()


def test_the_ladder_plants_the_continuous_faults_at_every_strength(faulty: Faulty) -> None:
    result = faulty.results(case(tolerance=LOOSE), ladder=True)
    strengths = {trial.perturbation.strength for trial in faulty.pool.conducted if trial.perturbation}
    assert set(LADDER) <= strengths
    assert result.smallest
    assert len(result.faults) == len(FAULTS)


def test_what_each_fault_came_to(faulty: Faulty) -> None:
    faulty.moves["post_processing.not_clamped"] = 1.0
    faulty.acts["structure.train_mode"] = 0
    faulty.outcomes["guidance.scale"] = Unavailable("takes no guidance scale")
    result = faulty.results(case(tolerance=LOOSE))
    assert {one.fault: (one.state, one.reason) for one in result.faults} == {
        "guidance.scale": (MutantState.NOT_APPLICABLE, "takes no guidance scale"),
        "seeding.noise_scaled": (MutantState.APPLIED, ""),
        "structure.train_mode": (MutantState.NOT_APPLICABLE, "it was never triggered"),
        "post_processing.not_clamped": (MutantState.EQUIVALENT, ""),
    }
    caught = {one.relation: (one.caught, one.applied) for one in result.scores}
    assert caught == {Relation.SAME: (1, 1), Relation.SAME_HARDWARE: (1, 1)}


def test_a_fault_that_nobody_could_judge_is_an_error_of_the_case(faulty: Faulty) -> None:
    faulty.outcomes["guidance.scale"] = Lost("killed")
    result = faulty.results(case(tolerance=LOOSE))
    assert result.state is SensitivityState.ERROR
    assert result.reasons == (FaultNotJudged("guidance.scale", "killed"),)
    assert result.path is None


@pytest.mark.parametrize(
    ("outcome", "state", "reasons"),
    [
        (
            Raised("ValueError: bad", "", environment(), 1.0),
            SensitivityState.ERROR,
            (BaseRunFailed("fault", "ValueError: bad", raised=True),),
        ),
        (Unavailable("no such device"), SensitivityState.SKIPPED, None),
        (Lost("killed"), SensitivityState.ERROR, None),
    ],
)
def test_without_a_base_run_nothing_is_planted(faulty: Faulty, outcome, state, reasons) -> None:
    faulty.outcomes["base"] = outcome
    result = faulty.results(case(tolerance=LOOSE))
    assert result.state is state
    assert len(faulty.pool.conducted) == 1
    if reasons is not None:
        assert result.reasons == reasons


def test_limits_that_were_never_measured_are_named_with_the_command(tmp_path: Path) -> None:
    calibrated = case(tolerance=Tolerance(Rule.EXACT, Rule.CALIBRATED, Rule.REFUSE))
    with pytest.raises(Unmeasurable, match=r"no such golden.*; run: harness calibrate"):
        limit_set(calibrated, tmp_path / "none.safetensors")
    stated = limit_set(case(tolerance=LOOSE), tmp_path / "none.safetensors")
    assert set(stated.allowed) == {Relation.SAME, Relation.SAME_HARDWARE}
