"""Steps shared by the commands that vary a case and measure how far that moves it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from harness.core.case import Case, GeneratorKind
from harness.core.measured.calibration import Effect, VariedRun
from harness.core.trace import PIPELINE
from harness.golden.sidecar import outputs_digest
from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace, read_trace
from harness.measure.noise import boundary_noise, growth, moved, output_noise

WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Makes waiting threads sleep instead of spin: on busy cores, spinning turns seconds into minutes."""


def argument_shapes(trace: Trace | None) -> Mapping[str, tuple[int, ...]]:
    """The shapes of the pipeline's own arguments, by name."""
    events = trace.events if trace else ()
    return {
        slot.name: slot.shape
        for event in events
        if event.signature.component == PIPELINE
        for slot in event.signature.inputs
    }


def moved_by(base: TensorFile, varied: TensorFile, family: str, name: str) -> VariedRun:
    """How far `varied` is from `base`; raises Incomparable if there is no distance between them."""
    ours, theirs = read_trace(base), read_trace(varied)
    effect = Effect.COUNTED if moved(base, varied, ours, theirs) else Effect.NONE
    grown = growth(ours, theirs) if ours and theirs else ()
    return VariedRun(family, name, effect, outputs=output_noise(base, varied), growth=grown)


def replay_noise(case: Case, base: Path, forced: Path) -> Mapping[str, float]:
    """The largest rel_l2 of each boundary of a forced replay of `base`; empty if either has no trace.

    Raises Incomparable if a boundary cannot be compared, UnreadableGolden if a file is damaged.
    """
    with TensorFile(base) as golden, TensorFile(forced) as replayed:
        ours, theirs = read_trace(golden), read_trace(replayed)
        if ours is None or theirs is None:
            return {}
        return boundary_noise(ours, theirs, seeded=case.generator is not GeneratorKind.NONE)


def same_outputs(base: Path, other: Path) -> bool:
    """Whether two captures have the same bits in every output; raises UnreadableGolden."""
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(TensorFile(path)).document for path in (base, other))
        return outputs_digest(ours) == outputs_digest(theirs)
