"""The trials that the invariants of a case need, and their outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.capture import Outcome, Unavailable
from harness.core.case import Case, Compile, GeneratorKind, Offload, Variant
from harness.core.invariant import Invariant, InvariantKind
from harness.core.perturbation import Perturbation
from harness.core.trace import TraceLevel
from harness.run.trial import Trial
from harness.trials.captures import capture_path

_OF_GENERATORS = (InvariantKind.BATCH, InvariantKind.GENERATOR_STATE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One invariant of a case and the trial that it needs, or the `reason` why there is none.

    `base` is the capture of the run that it is compared with.
    """

    case: Case
    base: Path
    invariant: Invariant
    trial: Trial | None
    reason: str = ""


def asked_of(cases: Sequence[Case], out: Path) -> tuple[Asked, ...]:
    """What the invariants of `cases` need; captures go under `out`."""
    return tuple(_asked(case, invariant, out) for case in cases for invariant in case.invariants)


def outcomes_of(
    case: Case, asked: Sequence[Asked], outcomes: Mapping[Path, Outcome]
) -> tuple[tuple[Invariant, Outcome], ...]:
    """Each invariant of `case` with its outcome; all its trials must have ended. `outcomes` are keyed by capture."""
    return tuple(
        (one.invariant, Unavailable(one.reason) if one.trial is None else outcomes[one.trial.capture])
        for one in asked
        if one.case.id == case.id
    )


def complete(case: Case, asked: Sequence[Asked], outcomes: Mapping[Path, Outcome]) -> bool:
    """Whether every trial that the invariants of `case` need has ended."""
    trials = [one.trial for one in asked if one.case.id == case.id]
    return all(trial is None or trial.capture in outcomes for trial in trials)


def _asked(case: Case, invariant: Invariant, out: Path) -> Asked:
    varied = _varied(case, invariant)
    perturbation = _perturbation(case, invariant, varied)
    if reason := _senseless(case, invariant, varied):
        return Asked(case, capture_path(out, case), invariant, None, reason)
    capture = capture_path(out, case, f"invariant-{invariant.kind}")
    varied = varied or case
    if invariant.devices:
        varied = replace(varied, devices=invariant.devices)
    trial = Trial(varied, capture, trace=TraceLevel.NONE, perturbation=perturbation, further=True)
    return Asked(case, capture_path(out, case), invariant, trial)


def _perturbation(case: Case, invariant: Invariant, varied: Case | None) -> Perturbation | None:
    """What the worker does differently, under the kind's own name; None if only the case itself differs."""
    if invariant.kind is InvariantKind.HALF:
        # Both runs get the same random numbers: a dtype may have its own stream.
        return Perturbation(f"invariant.draws_in_{case.model.dtype}")
    if varied is None:
        return Perturbation(f"invariant.{invariant.kind}", invariant.strength, seed=(case.seed or 0) + 1)
    return None


def _varied(case: Case, invariant: Invariant) -> Case | None:
    """The case with the option changed that the invariant is about; None if it is not about an option."""
    match invariant.kind:
        case InvariantKind.OFFLOAD:
            memory = replace(case.variant.memory, offload=Offload.MODEL)
            return replace(case, variant=replace(case.variant, memory=memory))
        case InvariantKind.HALF:
            return replace(case, model=replace(case.model, dtype=invariant.dtype, dtypes={}))
        case InvariantKind.COMPILE:
            return replace(case, variant=replace(case.variant, compile=Compile(invariant.components)))
    return None


def _senseless(case: Case, invariant: Invariant, varied: Case | None) -> str:
    """Why there is nothing to compare, or ""."""
    if case.allow_nondeterministic:
        return "two runs of this case may differ (`nondeterministic: allow`)"
    if case.generator is GeneratorKind.NONE and invariant.kind in _OF_GENERATORS:
        return "the run hands no generator to the pipeline"
    if invariant.kind is InvariantKind.SAVE_LOAD and (case.before or case.variant != Variant()):
        return "what is set up after loading (a variant, calls before the run) is not saved with the pipeline"
    if varied == case:
        return "the case already runs that way"
    return ""
