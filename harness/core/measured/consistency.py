"""Finds contradictions in a calibration or a sensitivity: numbers that do not follow from their evidence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.core.measured import limits
from harness.core.measured.calibration import Calibration, Effect, Growth, LeftOut, OutputLimits, VariedRun
from harness.core.measured.mutants import LADDER, MUTANTS
from harness.core.measured.sensitivity import (
    Channel,
    Detection,
    MutantResult,
    MutantState,
    Sensitivity,
    Smallest,
)
from harness.core.tolerance import METRIC_TABLE, METRICS, Metric, Numbers, Relation

_ANY_DTYPE = Numbers(math.inf, math.inf)


def calibration_contradiction(found: Calibration) -> str:
    """The first contradiction in a calibration, "" if there is none.

    `harness.core.measured.limits` recomputes everything that follows from `runs` and the floors, and the results
    must agree. Floors and names are checked where the golden is at hand (`harness.judge.calibrated`).
    """
    return next(_calibration(found), "")


def sensitivity_contradiction(found: Sensitivity) -> str:
    """The first contradiction in a sensitivity, "" if there is none."""
    return next(_sensitivity(found), "")


def _calibration(found: Calibration) -> Iterator[str]:
    if found.environment.platform != found.platform:
        yield f"measured on {found.environment.platform}, but labelled {found.platform}"
    yield from _factors(found)
    yield from _evidence(found.runs, {one.output for one in found.outputs})
    yield from _twice("outputs", (one.output for one in found.outputs))
    for one in found.outputs:
        yield from _floor(one)
    wanted = limits.output_limits(
        found.runs,
        {one.output: one.floor for one in found.outputs},
        max_abs_factor=found.max_abs_factor or found.factor,
    )
    for one, computed in zip(found.outputs, wanted, strict=True):
        yield from _output(one, computed)
    yield from _boundaries(found)
    yield from _summary(found)


def _factors(found: Calibration) -> Iterator[str]:
    """With arbitrary factors, limits of any size would follow from the evidence."""
    stated = {"factor": found.factor, "cross_factor": found.cross_factor}
    known = {"factor": limits.FACTOR, "cross_factor": limits.CROSS_FACTOR}
    if found.max_abs_factor is not None:
        stated["max_abs_factor"], known["max_abs_factor"] = found.max_abs_factor, limits.MAX_ABS_FACTOR
    for name, value in stated.items():
        if value != known[name]:
            yield f"{name} is {value:g}, this harness multiplies by {known[name]:g}"


def _evidence(runs: Sequence[VariedRun], outputs: set[str]) -> Iterator[str]:
    counted = limits.counted(runs)
    if not counted:
        yield "runs: none counts as evidence, so nothing was measured"
    yield from _twice("runs", (run.name for run in runs))
    for run in runs:
        yield from _twice(f"runs.{run.name}.outputs", (noise.output for noise in run.outputs))
        for noise in run.outputs:
            yield from _metrics(f"runs.{run.name}.outputs.{noise.output}", noise.metrics)
        yield from _negative(f"runs.{run.name}.boundaries", run.boundaries)
        if run.effect is Effect.COUNTED and {noise.output for noise in run.outputs} != outputs:
            measured = ", ".join(noise.output for noise in run.outputs) or "nothing"
            yield f"runs.{run.name}: measured {measured}, the limits are of {', '.join(sorted(outputs))}"


def _metrics(place: str, metrics: Mapping[str, float | None]) -> Iterator[str]:
    for name in METRICS:
        if name not in metrics:
            yield f"{place}: {name} is missing"
    for name, value in metrics.items():
        if name not in METRICS:
            yield f"{place}: {name} is not a metric"
        elif value is not None and not _possible(METRIC_TABLE[name], value):
            yield f"{place}.{name} is {value:g}, which no measurement can give"


def _possible(metric: Metric, value: float) -> bool:
    """Whether a measurement gives this, whatever the dtype."""
    extreme = metric.extreme(_ANY_DTYPE)
    return metric.at_least or 0 <= value <= (math.inf if extreme is None else extreme)


def _floor(one: OutputLimits) -> Iterator[str]:
    yield from _negative(f"outputs.{one.output}.floor", one.floor)
    if not one.floor:
        yield f"outputs.{one.output}: has no floor, so nothing limits it"
    for name in one.floor:
        if name not in limits.JUDGED:
            yield f"outputs.{one.output}.floor: calibration gives no limit to {name}"


def _output(one: OutputLimits, computed: OutputLimits) -> Iterator[str]:
    place = f"outputs.{one.output}"
    yield from _differing(f"{place}.envelope", one.envelope, computed.envelope)
    for name in ("same_hardware", "cross_hardware"):
        stated, wanted = getattr(one, name).stated(), getattr(computed, name).stated()
        yield from _differing(f"{place}.{name}", stated, wanted)


def _differing(place: str, stated: Mapping[str, float], wanted: Mapping[str, float]) -> Iterator[str]:
    for name in dict.fromkeys((*wanted, *stated)):
        if stated.get(name) != wanted.get(name):
            yield f"{place}.{name} is {_told(stated.get(name))}, the evidence leads to {_told(wanted.get(name))}"


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)


def _boundaries(found: Calibration) -> Iterator[str]:
    envelope = limits.boundary_envelope(found.runs)
    yield from _differing("boundary_envelope", found.boundary_envelope, envelope)
    least = limits.boundary_limits(envelope, {})
    for name in dict.fromkeys((*least, *found.boundaries)):
        limit, lowest = found.boundaries.get(name), least.get(name)
        # A floor may be higher; only the golden's trace shows by how much.
        if limit is None or lowest is None or limit < lowest:
            yield f"boundaries.{name} is {_told(limit)}, the evidence leads to {_told(lowest)}"


def _summary(found: Calibration) -> Iterator[str]:
    """The contradictions in what is derived from the evidence for people to read."""
    amplified = limits.amplification(found.runs)
    if found.amplification != amplified:
        yield f"amplification is {_told(found.amplification)}, the evidence leads to {_told(amplified)}"
    if tuple(found.growth) != limits.envelope_growth(found.runs):
        yield "growth is not the largest of the runs' own curves"
    for one in _curves(found):
        if any(value is not None and value < 0 for value in one.curve):
            yield f"growth.{one.event}: a distance below 0"
    floor = {one.output: one.floor for one in found.outputs}
    # Which boundaries raised an alarm depends on floors from the golden's trace.
    wanted = {one.family: one for one in limits.left_out(found.runs, floor, {})}
    yield from _twice("left_out", (one.family for one in found.left_out))
    stated = {one.family: one for one in found.left_out}
    for family in dict.fromkeys((*wanted, *stated)):
        if (what := _family(stated.get(family), wanted.get(family))) != "":
            yield f"left_out.{family}: {what}"


def _curves(found: Calibration) -> Iterator[Growth]:
    yield from found.growth
    for run in found.runs:
        yield from run.growth


def _family(stated: LeftOut | None, wanted: LeftOut | None) -> str:
    if stated is None or wanted is None:
        return "is missing" if stated is None else "no run of this family counts"
    if (stated.runs, stated.false_alarms) != (wanted.runs, wanted.false_alarms):
        return (
            f"{stated.false_alarms} alarms in {stated.runs} runs, the evidence leads to "
            f"{wanted.false_alarms} in {wanted.runs}"
        )
    if stated.ratio != wanted.ratio:
        return f"ratio is {_told(stated.ratio)}, the evidence leads to {_told(wanted.ratio)}"
    if not 0 <= stated.boundary_alarms <= stated.runs:
        return f"{stated.boundary_alarms} boundary alarms in {stated.runs} runs"
    return ""


def _sensitivity(found: Sensitivity) -> Iterator[str]:
    if found.environment.platform != found.platform:
        yield f"measured on {found.environment.platform}, but labelled {found.platform}"
    if not found.faults:
        yield "faults: none was planted"
    yield from _twice("faults", (one.fault for one in found.faults))
    relations = {sighting.relation for fault in found.faults for sighting in fault.sightings}
    for fault in found.faults:
        yield from (f"faults.{fault.fault}: {what}" for what in _fault(fault, relations))
    yield from _twice("smallest", (one.fault for one in found.smallest))
    defaults = {one.fault: one for one in found.faults}
    for one in found.smallest:
        yield from (f"smallest.{one.fault}: {what}" for what in _smallest(one, defaults.get(one.fault)))
    if found.seconds < 0:
        yield f"seconds is {found.seconds:g}"


def _fault(fault: MutantResult, relations: set[Relation]) -> Iterator[str]:
    if fault.state is MutantState.ERROR:
        yield "reached no judgement, and such a result is never kept"
    if fault.state is not MutantState.APPLIED:
        if fault.sightings:
            yield f"was detected, although it is {fault.state}"
        if (fault.acted > 0) != (fault.state is MutantState.EQUIVALENT):
            yield f"acted {fault.acted} times, although it is {fault.state}"
        return
    if fault.acted < 1:
        yield f"acted {fault.acted} times, although it applied"
    counts = Counter((one.relation, one.channel) for one in fault.sightings)
    for relation in Relation:
        seen = counts[relation, Channel.OUTPUTS]
        if seen != (relation in relations):
            yield f"was judged by the outputs {seen} times under {relation}"
    for (relation, channel), count in counts.items():
        if count > 1:
            yield f"was judged by {channel} {count} times under {relation}"
    yield from (what for sighting in fault.sightings for what in _sighting(sighting))


def _sighting(one: Detection) -> Iterator[str]:
    what = f"under {one.relation} {one.channel}"
    if one.channel is Channel.EXACT:
        if one.margin is not None or one.caught != bool(one.at):
            yield f"{what} says caught: {str(one.caught).lower()}, with margin {_told(one.margin)} at {one.at!r}"
    elif one.margin is not None and one.margin < 0:
        yield f"{what} has the margin {one.margin:g}"
    elif one.caught != (one.margin is None or one.margin > 1):
        yield f"{what} says caught: {str(one.caught).lower()}, with {_told(one.margin)} times the limit"


def _smallest(one: Smallest, default: MutantResult | None) -> Iterator[str]:
    fault = MUTANTS.get(one.fault)
    if default is None:
        yield "is not a known fault"
        return
    steps = {*LADDER, default.strength, fault.strength if fault else None}
    for value in (one.any, one.forced, one.outputs):
        if value is not None and value not in steps:
            yield f"{value:g} is not one of the strengths that are tried"
    parts = [value for value in (one.forced, one.outputs) if value is not None]
    if parts and (one.any is None or one.any > min(parts)):
        yield f"any channel detects {_told(one.any)}, but a single one {min(parts):g}"
    caught = bool(default.seen_by(Relation.SAME_HARDWARE))
    if one.any is not None and default.strength is not None and one.any <= default.strength and not caught:
        yield f"is caught from {one.any:g} on, but not at {default.strength:g}"


def _negative(place: str, values: Mapping[str, float]) -> Iterator[str]:
    for name, value in values.items():
        if value < 0:
            yield f"{place}.{name} is {value:g}, which is below 0"


def _twice(place: str, names: Iterable[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{place}: {name} is there {count} times"
