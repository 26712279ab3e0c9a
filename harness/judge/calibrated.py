"""The calibration that judges a golden: its sidecar, checked against its evidence and the golden itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from harness.core.environment import same_software
from harness.core.measured.calibration import Calibration
from harness.core.measured.limits import Envelope, boundary_limits
from harness.core.trace import NOISE
from harness.golden.calibrations import CALIBRATION, read_calibration
from harness.golden.sidecar import Unusable
from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace, read_trace
from harness.judge.floors import boundary_floors, floors, scales
from harness.judge.traces.boundaries import PIPELINE_CODE
from harness.judge.traces.exact import Way, component_events, slots_of

_SLACK = 1.05
"""Floors come from the unvaried run at that time, whose peak may differ within the golden's tolerance."""


def calibration_of(golden: Path) -> Calibration | Unusable:
    """The calibration of the golden at `golden`; Unusable if none belongs to it, or if it is not credible.

    Its names and floors must match the golden's outputs and, if its trace comes from the same software, the
    golden's boundaries. Raises UnreadableGolden for a damaged golden.
    """
    with TensorFile(golden) as file:
        return calibration_beside(file, lambda: read_trace(file))


def calibration_beside(golden: TensorFile, trace: Callable[[], Trace | None]) -> Calibration | Unusable:
    """As `calibration_of`, for an open golden; `trace` is called only if there is a calibration to check."""
    found = read_calibration(golden.path, golden.document)
    if isinstance(found, Unusable):
        return found
    what = next(_foreign(found, golden, trace), "")
    path = CALIBRATION.path(golden.path)
    return Unusable(f"{path}: does not fit its golden ({what})", damaged=True) if what else found


def _foreign(found: Calibration, golden: TensorFile, trace_of: Callable[[], Trace | None]) -> Iterator[str]:
    yield from _outputs({one.output: one.floor for one in found.outputs}, floors(scales(golden)))
    trace = trace_of()
    if trace is not None and found.boundaries:
        same = same_software(found.environment, golden.document.environment)
        yield from _boundaries(found, trace, complete=same)


def _outputs(stated: Envelope, wanted: Envelope) -> Iterator[str]:
    if stated.keys() != wanted.keys():
        yield f"limits of {_listed(stated)}, its outputs are {_listed(wanted)}"
        return
    for output, floor in stated.items():
        if floor.keys() != wanted[output].keys():
            yield f"outputs.{output}.floor: {_listed(floor)}, its dtype gives {_listed(wanted[output])}"
            return
        for metric, value in floor.items():
            if value > _SLACK * wanted[output][metric]:
                yield f"outputs.{output}.floor.{metric} is {value:g}, its values give {wanted[output][metric]:g}"


def _boundaries(found: Calibration, trace: Trace, *, complete: bool) -> Iterator[str]:
    known = boundary_floors(trace)
    for name, limit in boundary_limits(found.boundary_envelope, known).items():
        if name in known and found.boundaries[name] != limit:
            yield f"boundaries.{name} is {found.boundaries[name]:g}, evidence and dtype lead to {limit:g}"
        elif complete and name not in known:
            yield f"boundaries.{name}: its trace has no such event"
    missing = [name for name in _measured(trace) if name not in found.boundaries]
    if complete and missing:
        yield f"boundaries.{missing[0]} is missing, its trace has that event"


def _measured(trace: Trace) -> Iterator[str]:
    """The boundaries that a replay measures; whether noise is one of them depends on its generator."""
    ways: tuple[tuple[Way, str], ...] = (("in", PIPELINE_CODE), ("out", ""))
    for event in component_events(trace):
        if event.signature.component != NOISE:
            yield from (f"{mark}{event.name}" for way, mark in ways if slots_of(event, way))


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(sorted(names)) or "none"
