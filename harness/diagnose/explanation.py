"""Put everything that explains one case into one frozen object for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.calibration import Calibration
from harness.core.environment import Change
from harness.core.explanation import Explanation
from harness.core.tolerance import Relation
from harness.core.verdict import CaseResult
from harness.diagnose.differences import Sides
from harness.diagnose.divergence import Located, locate, locate_forced, position
from harness.diagnose.growth import benign_growth, growth
from harness.diagnose.modules import ModuleDifference, first_module, with_module
from harness.diagnose.stages import Stage
from harness.diagnose.streams import own_stream
from harness.diagnose.suspects import suspects
from harness.diagnose.timeline import Timeline, timeline
from harness.golden.trace import Trace

_WITH_MODULES = frozenset({Stage.TEXT_ENCODING, Stage.IMAGE_ENCODING, Stage.DENOISER, Stage.DECODING})


def without_traces(result: CaseResult) -> Explanation:
    """What can be said of a case whose runs were not compared: what changed around it."""
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
    replay that gave the result its boundaries, in which modules are looked into as far as it and the golden
    hold them. Under a relation in which every number may differ by rounding, the first failing boundary of the
    replay is the place; without one the growth that the golden's `calibration` measured tells what is too large.
    """
    if golden is None or now is None:
        whose = "golden" if golden is None else "run"
        note = f"the {whose} has no trace, so where it began cannot be told"
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
    """The place by the replay, unless the plain run differs earlier in what no rounding explains."""
    if relation is Relation.SAME:
        return found, ()
    replayed = locate_forced(replay, result.boundaries, result.exact_findings)
    if replayed is None:
        note = "in the forced replay every boundary is within its limit: what is left is rounding"
        return found, () if found is not None and found.exact else (note,)
    if found is not None and found.exact and position(line, found) <= position(replay, replayed):
        return found, ()
    return replayed, ()


def _module(
    golden: Trace, now: Trace, forced: Trace | None, found: Located | None, relation: Relation
) -> ModuleDifference | None:
    """The module, where the difference began inside a network and the traces show its modules."""
    if found is None or not found.inside or found.divergence.stage not in _WITH_MODULES:
        return None
    component, index = found.divergence.component, found.divergence.index
    module = first_module(golden, now, component, index, relation) if relation is Relation.SAME else None
    if module is None:
        # Tensors that are fed lie otherwise in memory, and kernels may round otherwise.
        replayed = now if forced is None else forced
        module = first_module(golden, replayed, component, index, Relation.SAME_HARDWARE)
    # A finding names its module for sure; a doubtful one does not replace it.
    return None if module and not module.sure and found.divergence.module else module
