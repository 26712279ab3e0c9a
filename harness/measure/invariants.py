"""The variations that a case's invariants compare it with: which runs they are, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.capture import Outcome, Unavailable
from harness.core.case import Case, Compile, GeneratorKind, Offload, Variant
from harness.core.invariant import Invariant, InvariantKind
from harness.core.perturbation import Perturbation
from harness.core.trace import TraceLevel
from harness.run.queue import Run
from harness.trials.conduct import capture_path

_OF_GENERATORS = (InvariantKind.BATCH, InvariantKind.GENERATOR_STATE)


@dataclass(frozen=True, slots=True)
class Variation:
    """One invariant of a case and the run that it asks for; no run where there is a `reason` against it.

    `base` is the capture of the run that it is compared with.
    """

    case: Case
    base: Path
    invariant: Invariant
    run: Run | None
    reason: str = ""


def variations(cases: Sequence[Case], out: Path) -> tuple[Variation, ...]:
    """What the invariants of `cases` ask for, captures going under `out`."""
    return tuple(_variation(case, invariant, out) for case in cases for invariant in case.invariants)


def outcomes_of(
    case: Case, asked: Sequence[Variation], outcomes: Mapping[Path, Outcome]
) -> tuple[tuple[Invariant, Outcome], ...]:
    """What came of each variation of `case`, all of whose runs have ended; `outcomes` are by capture."""
    return tuple(
        (one.invariant, Unavailable(one.reason) if one.run is None else outcomes[one.run.capture])
        for one in asked
        if one.case.id == case.id
    )


def complete(case: Case, asked: Sequence[Variation], outcomes: Mapping[Path, Outcome]) -> bool:
    """Whether every run that the invariants of `case` ask for has ended."""
    runs = [one.run for one in asked if one.case.id == case.id]
    return all(run is None or run.capture in outcomes for run in runs)


def _variation(case: Case, invariant: Invariant, out: Path) -> Variation:
    varied = _varied(case, invariant)
    perturbation = _perturbation(case, invariant, varied)
    if reason := _senseless(case, invariant, varied):
        return Variation(case, capture_path(out, case), invariant, None, reason)
    capture = capture_path(out, case, f"invariant-{invariant.kind}")
    varied = varied or case
    if invariant.devices:
        varied = replace(varied, devices=invariant.devices)
    run = Run(varied, capture, trace=TraceLevel.NONE, perturbation=perturbation, further=True)
    return Variation(case, capture_path(out, case), invariant, run)


def _perturbation(case: Case, invariant: Invariant, varied: Case | None) -> Perturbation | None:
    """What the worker does differently, under the kind's own name; None where the case itself says it all."""
    if invariant.kind is InvariantKind.HALF:
        # Both sides get the same draws: a dtype may have a stream of its own.
        return Perturbation(f"invariant.draws_in_{case.model.dtype}")
    if varied is None:
        return Perturbation(f"invariant.{invariant.kind}", invariant.strength, seed=(case.seed or 0) + 1)
    return None


def _varied(case: Case, invariant: Invariant) -> Case | None:
    """The case with the one option changed that the invariant is about; None where that is no option."""
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
        return "two runs of this case may differ by themselves (`nondeterministic: allow`)"
    if case.generator is GeneratorKind.NONE and invariant.kind in _OF_GENERATORS:
        return "the run hands no generator to the pipeline"
    if invariant.kind is InvariantKind.SAVE_LOAD and (case.before or case.variant != Variant()):
        return "what is set up after loading (a variant, calls before the run) is not saved with the pipeline"
    if varied == case:
        return "the case is itself so"
    return ""
