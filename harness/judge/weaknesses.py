"""The weaknesses that make a case a bad judge, each with what to change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from harness.core.measured.calibration import Weakness
from harness.core.trace import PIPELINE, Event, Slot
from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace, read_trace
from harness.judge.outputs.output_checks import check_outputs
from harness.judge.traces.exact import component_events
from harness.judge.traces.stages import Role, role_of

MOST_AMPLIFICATION = 100.0
"""Above this, the rounding of one call drowns a real fault of the same size: sane cases stay below 25."""

MOST_CLIPPED = 0.5
"""The share of a scheduler's last prediction at its clip boundaries; the first predictions of sane cases, which
are mostly noise, lie there completely."""

FEWEST = 16
"""Inputs with fewer values may legitimately be constant."""

_CLIP_SWITCHES = ("clip_sample", "thresholding")
_PREDICTION = ("pred_original_sample", "1")
"""The prediction's name among a step's results, and its index in a plain tuple."""


def amplification_weakness(amplification: float | None) -> Iterator[Weakness]:
    """The weakness that rounding grows beyond MOST_AMPLIFICATION on its way through the case."""
    if amplification is not None and amplification > MOST_AMPLIFICATION:
        yield Weakness(
            "amplification",
            f"the error of one call is amplified {amplification:.3g} times (bound {MOST_AMPLIFICATION:g})",
            "take fewer steps, trained weights or output_type latent, or verify with `forced: true`",
        )


def input_weaknesses(without_effect: Iterable[str]) -> Iterator[Weakness]:
    """One for each input whose replacement changed no bit of the outputs."""
    for key in without_effect:
        yield Weakness(
            "input without effect",
            f"call.{key} was replaced and no bit of the outputs changed",
            "leave it out, or give the model and options that use it (guidance_scale, strength)",
        )


def capture_weaknesses(capture: TensorFile) -> Iterator[Weakness]:
    """The weaknesses visible in one run: weak outputs, constant input images, clip boundaries.

    The last two need a trace that keeps tensors. Raises UnreadableGolden for a damaged capture.
    """
    judged = check_outputs(capture)
    empty = [f"{one.output}: all {one.values:,} values are NaN or Inf" for one in judged.refusals]
    for weakness in (*empty, *judged.warnings):
        yield Weakness(
            "output", weakness, "take another output_type (latent, np), other steps, or trained weights"
        )
    trace = read_trace(capture)
    if trace is not None:
        yield from trace_weaknesses(trace)


def trace_weaknesses(trace: Trace) -> Iterator[Weakness]:
    """The part of `capture_weaknesses` that is visible in the trace."""
    events = component_events(trace)
    for event in events:
        if event.signature.component == PIPELINE and role_of(trace, event) is Role.ARGUMENTS:
            yield from _constant_images(trace, event)
    last = {event.signature.component: event for event in events if _prediction(event)}
    for component, event in last.items():
        share = _clipped_share(trace, event)
        if share > MOST_CLIPPED:
            yield Weakness(
                "clip boundaries",
                f"{100 * share:.3g} % of the last prediction of {component} lies at its clip boundary",
                "changes there stay invisible, and others jump; judge by forced replay, or set clip_sample: false",
            )


def _constant_images(trace: Trace, event: Event) -> Iterator[Weakness]:
    for slot, row in zip(event.signature.inputs, event.inputs, strict=True):
        # A mask is constant on purpose if everything is to be painted.
        if "image" not in slot.name or "mask" in slot.name:
            continue
        values = trace.bits(row, slot)
        if values is not None and values.size >= FEWEST and bool((values == values.flat[0]).all()):
            yield Weakness(
                "constant image",
                f"call.{slot.name} is {values.flat[0]} everywhere, and GroupNorm amplifies rounding on it",
                "give a picture with structure, such as a $gradient",
            )


def _clipped_share(trace: Trace, event: Event) -> float:
    """The share of a step's prediction that lies at the largest magnitude, if its scheduler clips."""
    found = _prediction(event)
    if found is None or role_of(trace, event) is not Role.SCHEDULER or not _clips(trace, event):
        return 0.0
    values = trace.bits(found[1], found[0])
    if values is None or not values.size:
        return 0.0
    magnitude = np.abs(values.astype(np.float64))
    return float((magnitude == magnitude.max()).mean())


def _prediction(event: Event) -> tuple[Slot, int] | None:
    slots = zip(event.signature.outputs, event.outputs, strict=True)
    is_step = event.signature.method.startswith("step")
    return next((found for found in slots if is_step and found[0].name in _PREDICTION), None)


def _clips(trace: Trace, event: Event) -> bool:
    component = trace.structure.components.get(event.signature.component)
    return component is not None and any(component.config.get(name) for name in _CLIP_SWITCHES)
