"""Judge each planted fault on every channel under every relation, and count what a case catches."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field

from harness.core.case import Case, GeneratorKind
from harness.core.measured.calibration import Calibration
from harness.core.measured.mutants import MUTANTS
from harness.core.measured.sensitivity import (
    Channel,
    Detection,
    MutantResult,
    MutantState,
    Score,
    SensitivityState,
    Smallest,
)
from harness.core.results.measure_reasons import FaultNotJudged, NoFaultApplied, TooFewCaught
from harness.core.results.reasons import Reasons
from harness.core.results.verdict import PASSES, Boundary, ExactFinding, TensorResult, Verdict
from harness.core.tolerance import AT_LEAST, Allowance, Limits, Relation, Rule
from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace, read_trace
from harness.judge.outputs.compare import compare_tensors
from harness.judge.traces.boundaries import HALF_EPS, NETWORK_EPS, OTHER_LIMIT, judge_boundaries
from harness.judge.traces.exact import component_events, exact_findings

Allowed = Allowance | Mapping[str, Limits]
"""What a relation allows: one allowance for all outputs, or calibrated limits by output."""


@dataclass(frozen=True, slots=True)
class LimitSet:
    """The limits that faults are judged by, for each relation that the case does not refuse.

    `boundaries` are the calibrated limits of forced replay, by event. `accepted` are the case's patterns of
    accepted exact findings. `seeded` is whether its noise is seeded, `forced` whether every verification judges it
    by forced replay too.
    """

    allowed: Mapping[Relation, Allowed]
    boundaries: Mapping[str, float] = field(default_factory=dict)
    accepted: tuple[str, ...] = ()
    seeded: bool = True
    forced: bool = True

    def digest(self) -> str:
        """The sha256 of all limits, in hex: two limit sets with the same digest judge every fault alike.

        It includes the constants that limit boundaries without a measured limit; the limits on other hardware
        follow from them.
        """
        constants = {"network": NETWORK_EPS, "half": HALF_EPS, "other": OTHER_LIMIT}
        text = json.dumps({**asdict(self), "constants": constants}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Base:
    """The unperturbed run, with a full trace, open for reading."""

    file: TensorFile
    trace: Trace


@dataclass(frozen=True, slots=True)
class Seen:
    """What a fault changed, before any limit is applied."""

    tensors: tuple[TensorResult, ...]
    findings: tuple[ExactFinding, ...]
    same_trace: bool

    @property
    def nothing(self) -> bool:
        """Whether outputs and trace are equal bit for bit and there is no exact finding."""
        outputs_alike = all(tensor.verdict is Verdict.IDENTICAL for tensor in self.tensors)
        return self.same_trace and outputs_alike and not self.findings


def seen(base: Base, now: TensorFile, limit_set: LimitSet) -> Seen:
    """What differs between the base and a run with a fault; raises UnreadableGolden for a damaged file."""
    tensors = compare_tensors(base.file, now, Rule.EXACT)
    trace = read_trace(now)
    if trace is None:
        return Seen(tensors, (), same_trace=True)
    findings = exact_findings(base.trace, trace, limit_set.accepted)
    return Seen(tensors, findings, _same_bits(base.trace, trace))


def detections(
    what: Seen, base: Base, forced: TensorFile | None, limit_set: LimitSet
) -> tuple[Detection, ...]:
    """Whether each channel catches the fault under each relation; the forced channel is omitted without `forced`."""
    replayed = read_trace(forced) if forced else None
    boundaries: dict[bool, tuple[Boundary, ...]] = {}
    found: list[Detection] = []
    for relation, allowed in limit_set.allowed.items():
        found += [_exact(relation, what.findings), _outputs(relation, what.tensors, allowed)]
        if replayed is not None:
            across = relation is Relation.CROSS_HARDWARE
            if across not in boundaries:  # the other two relations have the same limits
                boundaries[across] = judge_boundaries(
                    base.trace, replayed, relation, seeded=limit_set.seeded, limits=limit_set.boundaries
                )
            found.append(_forced(relation, boundaries[across]))
    return tuple(found)


def raised(limit_set: LimitSet, message: str) -> tuple[Detection, ...]:
    """The detections of a fault that makes the pipeline raise: there are no outputs."""
    return tuple(Detection(relation, Channel.OUTPUTS, True, None, message) for relation in limit_set.allowed)


def scores(
    faults: Sequence[MutantResult], relations: Sequence[Relation], *, forced: bool
) -> tuple[Score, ...]:
    """The share of applied faults that are caught under each relation.

    Boundaries count only if the case is judged by them (`forced`); their own count is reported anyway.
    """
    applied = [one for one in faults if one.state is MutantState.APPLIED]
    channels = {channel for channel in Channel if forced or channel is not Channel.FORCED}
    return tuple(_score(applied, relation, channels) for relation in relations)


def limit_set_of(case: Case, calibration: Calibration | None) -> LimitSet | None:
    """The limits of a case, the measured ones from its `calibration`; None if those are needed but missing."""
    allowed: dict[Relation, Allowed] = {}
    for relation in Relation:
        allowance = case.tolerance.for_relation(relation)
        if allowance is Rule.CALIBRATED:
            if calibration is None:
                return None
            allowed[relation] = calibration.limits(relation)
        elif allowance is not Rule.REFUSE:
            allowed[relation] = allowance
    boundaries = calibration.boundaries if calibration else {}
    seeded = case.generator is not GeneratorKind.NONE
    return LimitSet(allowed, boundaries, case.accept_exact, seeded, case.forced)


def sharpness(case: Case, faults: Sequence[MutantResult]) -> tuple[SensitivityState, Reasons]:
    """Whether enough faults are caught under `same-hardware`, and if not, why."""
    unknown = [one for one in faults if one.state is MutantState.ERROR]
    if unknown:
        return SensitivityState.ERROR, (FaultNotJudged(unknown[0].fault, unknown[0].reason),)
    [score] = scores(faults, (Relation.SAME_HARDWARE,), forced=case.forced)
    if case.min_sensitivity is None:
        return SensitivityState.SHARP, ()
    if score.share is None:
        return SensitivityState.ERROR, (NoFaultApplied(),)
    if score.share >= case.min_sensitivity:
        return SensitivityState.SHARP, ()
    return SensitivityState.BLUNT, (TooFewCaught(score.caught, score.applied, case.min_sensitivity),)


def smallest(rungs: Sequence[MutantResult]) -> tuple[Smallest, ...]:
    """For each continuous fault, the smallest strength that is caught, in the order of the catalogue.

    `rungs` are the results at all strengths. A fault that does not apply to the pipeline is left out.
    """
    found = []
    for name in MUTANTS:
        tried = sorted((one for one in rungs if one.fault == name), key=lambda one: -(one.strength or 0.0))
        if any(one.state is MutantState.APPLIED for one in tried):
            each = (
                _least(tried, channels)
                for channels in (tuple(Channel), (Channel.FORCED,), (Channel.OUTPUTS,))
            )
            found.append(Smallest(name, *each))
    return tuple(found)


def _score(applied: Sequence[MutantResult], relation: Relation, judging: Set[Channel]) -> Score:
    by = [one.seen_by(relation) for one in applied]
    caught = sum(1 for channels in by if judging & set(channels))
    share = caught / len(applied) if applied else None
    each = {channel: sum(1 for channels in by if channel in channels) for channel in Channel}
    return Score(relation, caught, len(applied), share, each)


def _least(descending: Sequence[MutantResult], channels: Sequence[Channel]) -> float | None:
    """The strength down to which every strength is caught."""
    least = None
    for one in descending:
        if not set(channels) & set(one.seen_by(Relation.SAME_HARDWARE)):
            return least
        least = one.strength
    return least


def _same_bits(golden: Trace, now: Trace) -> bool:
    ours, theirs = component_events(golden), component_events(now)
    if [event.key for event in ours] != [event.key for event in theirs]:
        return False
    pairs = [(list(one.slots()), list(two.slots())) for one, two in zip(ours, theirs, strict=True)]
    if any([slot for slot, _ in one] != [slot for slot, _ in two] for one, two in pairs):
        return False
    rows = [row for one, _ in pairs for _, row in one]
    others = [row for _, two in pairs for _, row in two]
    return bool(golden.equal(rows, now, others).all())


def _exact(relation: Relation, findings: Sequence[ExactFinding]) -> Detection:
    failing = [one.what for one in findings if one.fails]
    return Detection(relation, Channel.EXACT, bool(failing), None, failing[0] if failing else "")


def _forced(relation: Relation, boundaries: Sequence[Boundary]) -> Detection:
    """The detection by forced replay; a boundary that cannot be compared is worse than any number."""
    margins = [(_boundary_margin(one), one) for one in boundaries]
    margin, worst = max(margins, key=lambda pair: pair[0], default=(0.0, None))
    at = f"{worst.event}[{worst.index}]" if worst else ""
    caught = any(one.verdict not in PASSES for one in boundaries)
    return Detection(relation, Channel.FORCED, caught, _number(margin), at)


def _boundary_margin(boundary: Boundary) -> float:
    if boundary.verdict is Verdict.IDENTICAL:
        return 0.0
    if boundary.rel_l2 is None or boundary.verdict is Verdict.BROKEN:
        return math.inf
    return boundary.rel_l2 / boundary.limit if boundary.limit else math.inf


def _outputs(relation: Relation, tensors: Sequence[TensorResult], allowed: Allowed) -> Detection:
    margins = [(margin, f"{tensor.name} {metric}".strip()) for tensor in tensors
               for metric, margin in _tensor_margins(tensor, allowed)]  # fmt: skip
    margin, at = max(margins, key=lambda pair: pair[0], default=(0.0, ""))
    return Detection(relation, Channel.OUTPUTS, margin > 1, _number(margin), at)


def _tensor_margins(tensor: TensorResult, allowed: Allowed) -> Iterator[tuple[str, float]]:
    """Value over limit for each judged metric; infinite if the tensor must be equal but is not."""
    if isinstance(allowed, Mapping):
        allowed = allowed.get(tensor.name, Rule.EXACT)
    stated = allowed.stated() if isinstance(allowed, Limits) else {}
    if tensor.verdict is Verdict.IDENTICAL:
        yield "", 0.0
    elif tensor.verdict is Verdict.BROKEN or not stated:
        yield "", math.inf
    else:
        for metric, limit in stated.items():
            yield metric, _ratio(metric, tensor.metrics.get(metric), limit)


def _ratio(metric: str, value: float | None, limit: float) -> float:
    if value is None:
        return math.inf
    top, bottom = (limit, value) if metric in AT_LEAST else (value, limit)
    if bottom > 0:
        return top / bottom
    return math.inf if top > bottom else 0.0


def _number(margin: float) -> float | None:
    return margin if math.isfinite(margin) else None
