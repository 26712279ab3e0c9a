"""Put everything that explains one case into one frozen object for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.environment import Change
from harness.core.explanation import Explanation
from harness.core.tolerance import Relation
from harness.core.verdict import Boundary, CaseResult
from harness.diagnose.differences import Sides
from harness.diagnose.divergence import Located, locate, locate_forced
from harness.diagnose.growth import growth
from harness.diagnose.modules import ModuleDifference, first_module, with_module
from harness.diagnose.stages import Stage
from harness.diagnose.suspects import suspects
from harness.diagnose.timeline import timeline
from harness.golden.trace import Trace
from harness.verify.boundaries import judge_boundaries

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
    seeded: bool = True,
) -> Explanation:
    """Explain a judged case by the golden's trace and the run's.

    `changed` is what differs between the two captures (`suspects.changes`), `forced` the trace of a forced
    replay, in which modules are looked into as far as it and the golden hold them; `seeded` tells whether
    the run's noise is the golden's. Under a relation in which every number may differ by rounding, a failing
    boundary of the replay decides over what the plain run shows.
    """
    if golden is None or now is None:
        whose = "golden" if golden is None else "run"
        note = f"the {whose} has no trace, so where it began cannot be told"
        return Explanation(result, None, (), suspects(None, changed), result.boundaries, (note,))
    relation = result.relation or Relation.SAME
    line = timeline(Sides(golden, now))
    found = locate(line, result.exact_findings, relation)
    boundaries = result.boundaries
    notes: tuple[str, ...] = ()
    if forced is not None:
        boundaries = judge_boundaries(golden, forced, relation, seeded=seeded)
        found, notes = _settled(golden, forced, found, boundaries, relation)
    module = _module(golden, now, forced, found, relation)
    divergence = None if found is None else with_module(found.divergence, module)
    return Explanation(
        replace(result, first_divergence=divergence, boundaries=boundaries),
        divergence,
        growth(line),
        suspects(divergence, changed),
        boundaries,
        notes,
    )


def _settled(
    golden: Trace,
    forced: Trace,
    found: Located | None,
    boundaries: Sequence[Boundary],
    relation: Relation,
) -> tuple[Located | None, tuple[str, ...]]:
    """What stands when the forced replay has been heard."""
    if relation is Relation.SAME or (found is not None and found.exact):
        return found, ()
    replayed = locate_forced(timeline(Sides(golden, forced)), boundaries)
    if replayed is not None:
        # Of one component the plain run may know more: the finding, or an earlier call within its limit.
        same = found is not None and found.divergence.component == replayed.divergence.component
        return (found if same and found is not None and found.sure else replayed), ()
    return found, ("in the forced replay every boundary is within its limit: what is left is rounding",)


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
