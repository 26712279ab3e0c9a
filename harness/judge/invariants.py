"""Judge the invariants of a case: compare a variation's outputs with the run's own, and update the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.core.capture import OUTPUT_PREFIX, Completed, Lost, Outcome, Raised, Unavailable
from harness.core.invariant import Invariant, InvariantKind
from harness.core.results.next_step import NextStep
from harness.core.results.reasons import (
    InvariantFails,
    NoCompiler,
    NothingToCompare,
    OtherDevice,
    PipelineRaised,
    Reason,
    UnreadableFile,
    said,
)
from harness.core.results.verdict import PASSES, CaseResult, InvariantResult, TensorResult, Verdict, worst
from harness.core.tolerance import Limits
from harness.errors import UnreadableGolden
from harness.golden.header import TensorInfo
from harness.golden.tensors import TensorFile, numpy_dtype
from harness.judge.limits import toothless_limit
from harness.judge.outputs.compare import compare_tensors, judge_measured
from harness.judge.outputs.metrics import measure
from harness.judge.outputs.sums import Array

_TRACEBACK_LINES = 12

_NO_COMPILER = ("InvalidCxxCompiler", "No working C++ compiler", "Cannot find a working triton installation")
"""What torch.compile reports if the machine lacks the compiler it needs."""

_STEPS = (
    NextStep("find out which of the two runs is right"),
    NextStep("if the limit is too narrow, widen it under `invariants`"),
)

_FAILING = (Verdict.DRIFTED, Verdict.BROKEN, Verdict.ERROR)
"""The verdicts of a failing invariant, the mildest first."""


def judge_invariant(invariant: Invariant, base: Path, outcome: Outcome) -> InvariantResult:
    """Judge the outcome of a variation of the run whose capture is `base`."""
    name = str(invariant.kind)
    match outcome:
        case Unavailable(other_device=OtherDevice() as other):
            # Only this invariant needs another device, not the case.
            return InvariantResult(name, Verdict.SKIPPED, (replace(other, whole=False),))
        case Unavailable(reason=reason):
            return InvariantResult(name, Verdict.SKIPPED, said(reason))
        case Lost(reason=reason, log=log):
            return InvariantResult(name, Verdict.ERROR, said(reason), log=log)
        case Raised(message=message) if any(words in message for words in _NO_COMPILER):
            return InvariantResult(name, Verdict.SKIPPED, (NoCompiler(message),))
        case Raised(message=message, traceback=traceback):
            log = tuple(traceback.splitlines()[-_TRACEBACK_LINES:])
            return InvariantResult(name, Verdict.BROKEN, (PipelineRaised(message, "invariant"),), log=log)
        case Completed(path=path):
            try:
                return _judged(invariant, base, Path(path))
            except UnreadableGolden as error:
                return InvariantResult(name, Verdict.ERROR, (UnreadableFile(str(error)),))


def with_invariants(result: CaseResult, judged: Sequence[InvariantResult]) -> CaseResult:
    """`result` with these invariants; a failing one fails a case that passed or has no golden.

    If an invariant has no verdict, the case is an `error`: nothing is judged partly. A case that already
    failed keeps its verdict.
    """
    result = replace(result, invariants=tuple(judged))
    failing = [one for one in judged if one.verdict in _FAILING]
    if not failing or result.verdict not in PASSES | {Verdict.NO_GOLDEN}:
        return result
    severest = worst(one.verdict for one in failing)
    told = tuple(InvariantFails(one.invariant, one.reasons) for one in failing if one.verdict is severest)
    return replace(result, verdict=severest, reasons=told, next_steps=_STEPS)


def _judged(invariant: Invariant, base: Path, variation: Path) -> InvariantResult:
    name = str(invariant.kind)
    with TensorFile(base) as ours, TensorFile(variation) as theirs:
        if toothless := toothless_limit(ours, invariant.allowance):
            return InvariantResult(name, Verdict.ERROR, (toothless,))
        tensors = _tensors(invariant, ours, theirs)
    if not tensors:
        return InvariantResult(name, Verdict.ERROR, (NothingToCompare(),))
    severest = worst(tensor.verdict for tensor in tensors)
    reasons: tuple[Reason, ...] = tuple(
        reason for tensor in tensors if tensor.verdict is severest for reason in tensor.reasons
    )
    return InvariantResult(name, severest, reasons, tensors)


def _tensors(invariant: Invariant, ours: TensorFile, theirs: TensorFile) -> tuple[TensorResult, ...]:
    results = compare_tensors(ours, theirs, invariant.allowance)
    if invariant.kind is InvariantKind.HALF and isinstance(invariant.allowance, Limits):
        limits = invariant.allowance.stated()
        results = tuple(_across_dtypes(ours, theirs, result, limits) for result in results)
    return results


def _across_dtypes(
    ours: TensorFile, theirs: TensorFile, result: TensorResult, limits: Mapping[str, float]
) -> TensorResult:
    """`result`, or a judgement in the run's dtype if the variation's output is another float dtype of that shape."""
    name = OUTPUT_PREFIX + result.name
    info, other = ours.tensors.get(name), theirs.tensors.get(name)
    if info is None or other is None or info.shape != other.shape or not _floats(info, other):
        return result
    golden, now = _whole(ours, info), _whole(theirs, other)
    return judge_measured(name, info, measure([golden], [now.astype(golden.dtype)]), limits)


def _floats(*tensors: TensorInfo) -> bool:
    return all("float" in tensor.dtype for tensor in tensors) and len({one.dtype for one in tensors}) > 1


def _whole(file: TensorFile, info: TensorInfo) -> Array:
    pieces = list(file.arrays(info.name))
    return np.concatenate(pieces) if pieces else np.empty(0, numpy_dtype(info.dtype))
