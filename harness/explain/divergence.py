"""Decide where two traces diverge: the event, or the code between two events, where the difference began."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.core.results.verdict import PASSES, Boundary, Divergence, ExactFinding
from harness.core.tolerance import Relation
from harness.explain.differences import JUMP, SMALL_JUMP, Sides, SlotDifference, noise_floor
from harness.explain.findings import Place, failing_places
from harness.explain.growth import Benign
from harness.explain.pipeline_code import handed
from harness.explain.structural import Changed, changed
from harness.explain.timeline import Step, Timeline, timeline
from harness.explain.wording import (
    FOLLOWS,
    before,
    changed_sentence,
    finding_sentence,
    handed_sentence,
    inside_sentence,
    noise_words,
    with_findings,
)
from harness.golden.trace import Trace
from harness.judge.traces.boundaries import PIPELINE_CODE
from harness.judge.traces.exact import Way
from harness.judge.traces.stages import Role, component_role

FORCED = "forced replay, with the golden's tensors at every boundary: "


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place where it may have begun: the step, and whether in the step's inputs or in the step itself.

    `factor` is the error there over the larger of the error before it and the noise of such an event;
    infinite if nothing of it may differ. `stands_out` says whether that is too large for rounding;
    `beyond` is the benign growth that the error exceeded there, None if none was measured.
    """

    place: int
    way: Way
    factor: float
    stands_out: bool
    sure: bool = True
    beyond: float | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """A divergence; `inside` says that it began in the event itself rather than in its inputs.

    `sure` is False if no event stands out. `by_finding` says that only the exact channel shows it, and
    `exact` that rounding cannot explain it: an extra or missing event, another id or argument.
    """

    divergence: Divergence
    inside: bool
    sure: bool
    by_finding: bool = False
    exact: bool = False


def first_divergence(
    golden: Trace, now: Trace, findings: Sequence[ExactFinding], relation: Relation
) -> Divergence | None:
    """Where the difference between the two traces began; None if nothing differs."""
    found = locate(timeline(Sides(golden, now)), findings, relation)
    return None if found is None else found.divergence


def locate(
    line: Timeline, findings: Sequence[ExactFinding], relation: Relation, benign: Benign | None = None
) -> Located | None:
    """Where the difference of two traces began; None if nothing differs.

    Under `same`, that is the first event, in order, whose inputs match bit for bit while its output does
    not, or that got different inputs from the pipeline's own code, or that only one trace has. Under another
    relation, every event may differ by rounding. Then it is the first event whose error is JUMP times that of its
    input, or that differs in what is exact, or after which the error exceeds the `benign` growth. If no number
    stands out, `findings` of the exact channel decide; they also name the module.
    """
    places = failing_places(line.sides.golden, findings)
    found = first_candidate(line, relation, benign or {})
    if found is not None and found.sure:
        divergence = _with_findings(_divergence(line, found, relation), places, found.way)
        exact = math.isinf(found.factor) and line.steps[found.place].role is not Role.NOISE
        return Located(divergence, found.way == "out", sure=True, exact=exact or divergence.rel_l2 is None)
    if places:
        return Located(_of_finding(line, places), inside=True, sure=True, by_finding=True)
    if found is None:
        return None
    return Located(_divergence(line, found, relation), found.way == "out", sure=False)


def locate_forced(
    line: Timeline, boundaries: Sequence[Boundary], findings: Sequence[ExactFinding] = ()
) -> Located | None:
    """Where a forced replay first fails a boundary; None if it fails none.

    `line` compares the golden with the replay, in which every event was fed the golden's tensors, so that
    no error comes from earlier events. `findings` of the exact channel on the same component are reported with it.
    """
    failing = {_check_of(one) for one in boundaries if one.verdict not in PASSES}
    keyed = ((line.steps[place].event.key, (place, way)) for place, way in line.checks)
    first = next((check for key, check in keyed if (*key, check[1]) in failing), None)
    if first is None:
        return None
    place, way = first
    if line.steps[place].is_changed:
        return Located(_of_changed(changed(line, place), FORCED), inside=False, sure=True)
    found = Candidate(place, way, math.inf, stands_out=True)
    divergence = _of_handed(line, found, forced=True) if way == "in" else _of_inside(line, found)
    divergence = replace(divergence, sentence=f"{FORCED}{divergence.sentence}")
    places = failing_places(line.sides.golden, findings)
    return Located(_with_findings(divergence, places, way), way == "out", sure=True)


def _check_of(boundary: Boundary) -> tuple[str, int, Way]:
    handed_in = boundary.event.startswith(PIPELINE_CODE)
    return boundary.event.removeprefix(PIPELINE_CODE), boundary.index, "in" if handed_in else "out"


def position(line: Timeline, found: Located) -> tuple[int, bool]:
    """The place in the golden's order: that of the event, or of the next event the golden has; and whether inside."""
    key = found.divergence.event, found.divergence.index
    at = next((place for place, step in enumerate(line.steps) if step.event.key == key), len(line.steps))
    golden = (step.item.golden for step in line.steps[at:])
    return next((one for one in golden if one is not None), len(line.sides.golden.events)), found.inside


def first_candidate(line: Timeline, relation: Relation, benign: Benign | None = None) -> Candidate | None:
    """The place where it began, None if all bits and everything exact are equal."""
    candidates = list(_candidates(line))
    if not candidates:
        return None
    first = candidates[0]
    if relation is Relation.SAME or _is_alone(line, first):
        return first
    jump = next((one for one in candidates if one.stands_out), None)
    grown = _beyond_growth(line, candidates, benign or {})
    if grown is not None and (jump is None or _order(line, grown) < _order(line, jump)):
        return grown
    if jump is not None:
        return jump
    if _has_computed(line, first.place):
        return replace(first, sure=False)
    return replace(max(candidates, key=lambda one: one.factor / _usual(line, one)), sure=False)


def _order(line: Timeline, one: Candidate) -> int:
    return line.checks.index((one.place, one.way))


def _beyond_growth(line: Timeline, candidates: Sequence[Candidate], benign: Benign) -> Candidate | None:
    """The place that first took the error beyond measured rounding, if rounding was measured.

    It lies after the last event that was still within, up to the first one that is not. Of the candidates in
    between, it is the one that raised the error most compared with its usual growth.
    """
    since = 0
    for number, (place, way) in enumerate(line.checks):
        step = line.steps[place]
        limit = benign.get(step.event.key) if way == "out" else None
        if limit is None or step.difference is None:
            continue
        if _error(step, "out") <= limit:
            since = number + 1
            continue
        between = set(line.checks[since : number + 1])
        found = [one for one in candidates if (one.place, one.way) in between]
        worst = max(found, key=lambda one: one.factor / _usual(line, one), default=None)
        return None if worst is None else replace(worst, beyond=limit)
    return None


def _candidates(line: Timeline) -> Iterator[Candidate]:
    """Every place where something differs, in order."""
    latest: dict[str, float] = {}  # the error of each component's latest output
    for place, way in line.checks:
        step = line.steps[place]
        if line.harmless(step):
            continue
        if (way == "in" and step.is_changed) or _is_exact(step, way):
            yield Candidate(place, way, math.inf, stands_out=True)
        if step.difference is None:
            continue
        error = _error(step, way)
        if _found(step, way):
            before = max(latest.values(), default=0.0) if way == "in" else step.difference.error_in
            factor = _factor(line, step, way, error, before)
            yield Candidate(place, way, factor, stands_out=factor >= (JUMP if before else SMALL_JUMP))
        if way == "out":
            latest[step.event.signature.component] = error


def _is_exact(step: Step, way: Way) -> bool:
    """Whether something differs there that must be the same everywhere."""
    return any(one.what.startswith("out:") == (way == "out") for one in step.mismatches)


def _factor(line: Timeline, step: Step, way: Way, error: float, before: float) -> float:
    # Noise may differ, too: its last bits depend on the processor's instruction set.
    floor = noise_floor(line.sides.golden, step.event, way)
    if not math.isfinite(error):
        return 0.0 if not math.isfinite(before) else math.inf
    return 0.0 if not math.isfinite(before) else error / max(before, floor)


def _is_alone(line: Timeline, first: Candidate) -> bool:
    """Whether the first difference cannot be rounding, because everything before it matched bit for bit.

    That holds for what is exact, for an event with an earlier call that matched, and for an error
    that is large for such an event if a network before it matched.
    """
    step = line.steps[first.place]
    if math.isinf(first.factor):
        return True
    before = line.steps[: first.place]
    if first.way == "out" and any(one.event.name == step.event.name and one.is_equal for one in before):
        return True
    return first.factor > 1 and _has_computed(line, first.place)


def _has_computed(line: Timeline, place: int) -> bool:
    """Whether a network's output matched bit for bit before."""
    networks = (Role.TEXT, Role.IMAGE, Role.DENOISER, Role.DECODER)
    return any(one.role in networks and one.event.outputs and one.is_equal for one in line.steps[:place])


def _usual(line: Timeline, one: Candidate) -> float:
    """The usual factor by which such a place raises an error: for guidance, twice its scale."""
    if line.steps[one.place].role is not Role.SCHEDULER:
        return 1.0
    return 15.0 if one.way == "in" else 10.0


def _found(step: Step, way: Way) -> tuple[SlotDifference, ...]:
    if step.difference is None:
        return ()
    return step.difference.inputs if way == "in" else step.difference.outputs


def _error(step: Step, way: Way) -> float:
    """The largest rel_l2, without ids, masks and integer timesteps."""
    return max((one.rel_l2 for one in _found(step, way) if not one.exact), default=0.0)


def _divergence(line: Timeline, found: Candidate, relation: Relation) -> Divergence:
    step = line.steps[found.place]
    start = before(line, found.place)
    if relation is Relation.SAME:
        found = replace(found, factor=math.inf)  # no rounding at this place to compare it with
    if found.way == "in" and step.is_changed:
        return _of_changed(changed(line, found.place), start)
    divergence = _of_handed(line, found) if found.way == "in" else _of_inside(line, found)
    if not found.sure:
        lead = "no event stands out from the rounding of the others; the largest jump (uncertain): "
        return replace(divergence, sentence=lead + divergence.sentence)
    sure = relation is Relation.SAME or start
    tail = f"; {FOLLOWS}" if sure and not _stands_out_later(line, found) else ""
    return replace(divergence, sentence=start + divergence.sentence + tail)


def _stands_out_later(line: Timeline, found: Candidate) -> bool:
    """Whether another event also raises the error, as if a second thing had changed."""
    at = line.checks.index((found.place, found.way))
    later = set(line.checks[at + 1 :])
    return any(one.stands_out and (one.place, one.way) in later for one in _candidates(line))


def _of_changed(found: Changed, start: str) -> Divergence:
    event = found.event
    sentence = start + changed_sentence(found)
    return Divergence(found.stage, event.signature.component, event.name, event.index, None, None, sentence)


def _of_handed(line: Timeline, found: Candidate, *, forced: bool = False) -> Divergence:
    step = line.steps[found.place]
    given, event = handed(line, found.place), step.event
    earlier = [] if forced else [one for one in line.steps[: found.place] if one.difference is not None]
    error_before = max((_error(one, "out") for one in earlier), default=0.0)
    sentence = handed_sentence(event, given, error_before)
    return Divergence(
        given.stage, event.signature.component, event.name, event.index, None, given.rel_l2, sentence
    )


def _of_inside(line: Timeline, found: Candidate) -> Divergence:
    step = line.steps[found.place]
    assert step.difference is not None
    event = step.event
    numeric = [one for one in _found(step, "out") if not one.exact]
    worst = max(numeric, key=lambda one: one.rel_l2, default=None)
    distance = math.inf if worst is None else line.sides.precise(worst)
    known = distance if math.isfinite(distance) else None
    sentence = inside_sentence(event, known, step.difference.error_in, _why(line, found))
    return Divergence(
        step.role.stage, event.signature.component, event.name, event.index, None, known, sentence
    )


def _why(line: Timeline, found: Candidate) -> str:
    step = line.steps[found.place]
    if step.role is Role.NOISE:
        return noise_words(line, found.place)
    mismatches = [one for one in step.mismatches if one.what.startswith("out:")]
    if mismatches:
        return f" ({mismatches[0].name}: {mismatches[0].golden} -> {mismatches[0].now})"
    if found.beyond is not None:
        return f", and from here on the error exceeds what rounding reaches ({found.beyond:.2g} at most)"
    if not (found.stands_out and math.isfinite(found.factor)) or step.difference is None:
        return ""
    large = step.difference.error_in > noise_floor(line.sides.golden, step.event, "out")
    return f", {found.factor:,.0f} times {'as much' if large else 'what rounding does there'}"


def _with_findings(found: Divergence, places: Sequence[Place], way: Way) -> Divergence:
    """The divergence with the exact channel's finding on the component, and its module if it began inside."""
    own = [place for place in places if place.component == found.component]
    if not own:
        return found
    sentence = with_findings(found.sentence, [place.finding for place in own])
    return replace(found, module=own[0].module if way == "out" else None, sentence=sentence)


def _of_finding(line: Timeline, places: Sequence[Place]) -> Divergence:
    """The finding whose component is called first; the event is its first call."""
    golden = line.sides.golden
    order = {step.event.signature.component: place for place, step in reversed([*enumerate(line.steps)])}
    first = min(places, key=lambda place: order.get(place.component, len(line.steps)))
    role = component_role(golden, first.component)
    method = {Role.SCHEDULER: "step", Role.DECODER: "decode", Role.TOKENIZER: "__call__"}.get(role, "forward")
    return Divergence(
        role.stage,
        first.component,
        f"{first.component}.{method}",
        0,
        first.module,
        None,
        finding_sentence(f"the {first.component}", first.finding),
    )
