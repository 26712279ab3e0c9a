"""Put everything that explains one case into one frozen object for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.environment import Change
from harness.core.measured.calibration import Calibration
from harness.core.results.explanation import Explanation
from harness.core.results.verdict import CaseResult, Divergence
from harness.core.tolerance import Relation
from harness.explain.differences import Sides
from harness.explain.divergence import Located, locate, locate_forced, position
from harness.explain.growth import benign_growth, growth
from harness.explain.modules import ModuleDifference, first_module, with_module
from harness.explain.suspects import suspects
from harness.explain.timeline import Timeline, timeline
from harness.golden.trace import Trace
from harness.judge.traces.stages import Role, Stage

_WITH_MODULES = frozenset({Stage.TEXT_ENCODING, Stage.IMAGE_ENCODING, Stage.DENOISER, Stage.DECODING})


def without_traces(result: CaseResult) -> Explanation:
    """What can be said about a case whose runs were not compared: what changed around it."""
    suspected = suspects(None, result.environment_changes)
    return Explanation(result, None, (), suspected, result.boundaries)


def explain(
    result: CaseResult,
    golden: Trace | None,
    now: Trace | None,
    changed: Sequence[Change],
    *,
    forced: Trace | None = None,
    calibration: Calibration | None = None,
) -> Explanation:
    """Explain a judged case by the golden's trace and the run's.

    `changed` is what differs between the two captures (`suspects.changes`), `forced` the trace of the forced
    replay that gave the result its boundaries; its modules are examined as far as it and the golden hold
    them. Under a relation that lets every number differ by rounding, the first failing boundary of the replay is
    the place; without a replay, the growth that the golden's `calibration` measured says what is too large.
    """
    if golden is None or now is None:
        whose = "golden" if golden is None else "run"
        note = f"the {whose} has no trace, so it is unknown where it began"
        return Explanation(result, None, (), suspects(None, changed), result.boundaries, (note,))
    relation = result.relation or Relation.SAME
    line = timeline(Sides(golden, now))
    found = locate(line, result.exact_findings, relation, benign_growth(calibration, relation))
    notes: tuple[str, ...] = ()
    if forced is not None:
        replay = timeline(Sides(golden, forced))
        found, notes = _settled(line, replay, found, result, relation)
    module = _module(golden, now, forced, found, relation)
    divergence = None if found is None else with_module(found.divergence, module)
    return Explanation(
        replace(result, first_divergence=divergence),
        divergence,
        growth(line),
        suspects(divergence, changed),
        result.boundaries,
        notes,
        own_stream(line, divergence, relation),
    )


def _settled(
    line: Timeline, replay: Timeline, found: Located | None, result: CaseResult, relation: Relation
) -> tuple[Located | None, tuple[str, ...]]:
    """The place found by the replay, unless the plain run differs earlier in something that rounding cannot explain."""
    if relation is Relation.SAME:
        return found, ()
    replayed = locate_forced(replay, result.boundaries, result.exact_findings)
    if replayed is None:
        note = "in the forced replay every boundary is within its limit: only rounding remains"
        return found, () if found is not None and found.exact else (note,)
    if found is not None and found.exact and position(line, found) <= position(replay, replayed):
        return found, ()
    return replayed, ()


def _module(
    golden: Trace, now: Trace, forced: Trace | None, found: Located | None, relation: Relation
) -> ModuleDifference | None:
    """The module, if the difference began inside a network and the traces show its modules."""
    if found is None or not found.inside or found.divergence.stage not in _WITH_MODULES:
        return None
    component, index = found.divergence.component, found.divergence.index
    module = first_module(golden, now, component, index, relation) if relation is Relation.SAME else None
    if module is None:
        # Fed tensors have a different memory layout, for which kernels may round differently.
        replayed = now if forced is None else forced
        module = first_module(golden, replayed, component, index, Relation.SAME_HARDWARE)
    # A finding names its module with certainty; an uncertain module does not replace it.
    return None if module and not module.sure and found.divergence.module else module


_HALVES = ("float16", "bfloat16")


def own_stream(line: Timeline, found: Divergence | None, relation: Relation) -> str:
    """The kind of draw that the difference began with, if each hardware has its own stream for it; else "".

    A device's generator differs in algorithm or layout from that of a CPU or of another model. In half precision,
    torch's CPU kernels consume the same random bits differently on each architecture: 200 values of `randn` in
    float16 are 0.41 (rel_l2) from those in float32 on x86-64 and 1.44 on an emulated aarch64, while those in float32
    agree to 2e-7.
    """
    if found is None or relation is not Relation.CROSS_HARDWARE:
        return ""
    key = (found.event, found.index)
    step = next((one for one in line.steps if one.role is Role.NOISE and one.event.key == key), None)
    if step is None or step.difference is None:
        return ""
    ours = line.sides.golden.events[step.difference.golden]
    theirs = line.sides.now.events[step.difference.now]
    where = [str(event.values.get("generator", "")) for event in (ours, theirs)]
    if device := next((one for one in where if one not in ("", "cpu")), ""):
        return f"draws on {device.partition(':')[0]}"
    half = next((slot.dtype for slot in ours.signature.outputs if slot.dtype in _HALVES), "")
    same_state = ours.values.get("before") == theirs.values.get("before")
    return f"draws in {half}" if half and same_state else ""
