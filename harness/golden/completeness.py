"""Whether a golden or capture is complete: readable as a whole, and comparable with a run as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from harness.core.capture import CaptureDocument
from harness.core.trace import TRACE_VERSION, TraceLevel
from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace, other_version, read_trace


def check_whole(file: TensorFile) -> None:
    """Read and verify a golden or capture completely: every tensor's sha256 and the trace; raises UnreadableGolden."""
    for name in file.tensors:
        file.verify(name)
    read_trace(file)


def lacks_trace(file: TensorFile, wanted: TraceLevel) -> tuple[str, ...]:
    """Why a golden cannot be fully compared with a run whose trace has the level `wanted`; empty if it can.

    Raises UnreadableGolden for a damaged trace.
    """
    return tuple(_untraced(file, read_trace(file), wanted, "the golden"))


def not_comparable(
    golden: TensorFile, ours: Trace | None, now: TensorFile, theirs: Trace | None, wanted: TraceLevel
) -> tuple[str, ...]:
    """What cannot be compared between a run and the golden because one file lacks it; empty if everything can.

    `ours` and `theirs` are the traces of the two files, `wanted` is the trace level that the case asks for.
    """
    traces = [*_untraced(golden, ours, wanted, "the golden"), *_untraced(now, theirs, wanted, "the run")]
    return (*traces, *_unweighed(golden.document, ours, now.document, theirs))


def is_newer(golden: TensorFile) -> bool:
    """Whether a newer harness wrote the trace of the golden."""
    return (other_version(golden) or 0) > TRACE_VERSION


def _untraced(file: TensorFile, trace: Trace | None, wanted: TraceLevel, whose: str) -> Iterator[str]:
    if wanted is TraceLevel.NONE:
        return
    if trace is None:
        version = other_version(file)
        other = f"a trace of version {version}, this harness compares version {TRACE_VERSION}"
        yield f"{whose} has {'no trace' if version is None else other}"
    # FULL and MODULES each keep something that the other does not; both keep everything of COMPONENTS.
    elif wanted not in (TraceLevel.COMPONENTS, trace.index.level):
        yield f"{whose} has a trace of level {trace.index.level}, but the case asks for {wanted}"


def _unweighed(
    golden: CaptureDocument, ours: Trace | None, now: CaptureDocument, theirs: Trace | None
) -> Iterator[str]:
    """Components of both runs whose weights' digest is known on only one side."""
    if now.weights and not golden.weights:
        yield "the golden does not record which weights it was made from"
        return
    shared = _with_modules(ours) & _with_modules(theirs)
    for name in sorted((golden.weights.keys() ^ now.weights.keys()) & shared):
        whose = "the run" if name in golden.weights else "the golden"
        yield f"{whose} does not record which weights {name} had"


def _with_modules(trace: Trace | None) -> set[str]:
    parts = trace.structure.components if trace else {}
    return {name for name, part in parts.items() if part.modules}
