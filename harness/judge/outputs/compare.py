"""Compare two capture files tensor by tensor, in one pass that also verifies every byte of both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import zip_longest

import numpy as np

from harness.core.capture import OUTPUT_PREFIX
from harness.core.results.reasons import (
    LimitsExceeded,
    NotBitwise,
    NotFinite,
    OutputDiffers,
    Reason,
    TextDiffers,
    reading,
)
from harness.core.results.verdict import TensorResult, Verdict
from harness.core.tolerance import AT_LEAST, METRICS, Allowance, Limits, Rule
from harness.core.trace import TRACE_PREFIX
from harness.golden.header import TensorInfo
from harness.golden.tensors import TensorFile
from harness.judge.outputs.metrics import Measured, measure

_UNMEASURED: Mapping[str, float | None] = dict.fromkeys(METRICS)


def compare_tensors(
    golden: TensorFile, now: TensorFile, allowance: Allowance | Mapping[str, Limits]
) -> tuple[TensorResult, ...]:
    """Judge every output of `now` against `golden`, in alphabetical order; names come without `output/`.

    The allowance may give each output its own limits; an output without limits must be equal bit for bit.
    Both files are read once and completely; trace data are verified, not judged. Raises UnreadableGolden if
    a tensor of either file does not match its sha256, and ValueError for the allowances `refuse`, under which
    nothing may be compared, and `calibrated`, which must be replaced by limits first.
    """
    if allowance in (Rule.REFUSE, Rule.CALIBRATED):
        raise ValueError(f"the allowance is {allowance}: these two may not be compared under it")
    names = sorted(golden.tensors.keys() | now.tensors.keys())
    for name in names:
        if name.startswith(TRACE_PREFIX):
            _verify(name, golden, now)
    outputs = [name for name in names if not name.startswith(TRACE_PREFIX)]
    results = [_compare(name, golden, now, _stated(allowance, name)) for name in outputs]
    return (*results, *_only_absent(golden, now, {result.name for result in results}))


def _stated(allowance: Allowance | Mapping[str, Limits], tensor: str) -> Mapping[str, float]:
    """The limits for one tensor; empty if it must be equal bit for bit."""
    if isinstance(allowance, Mapping):
        allowance = allowance.get(output_name(tensor), Rule.EXACT)
    return allowance.stated() if isinstance(allowance, Limits) else {}


def finite(metrics: Mapping[str, float]) -> Mapping[str, float | None]:
    """The metrics, with None for every non-finite number."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def _compare(name: str, golden: TensorFile, now: TensorFile, limits: Mapping[str, float]) -> TensorResult:
    ours, theirs = golden.tensors.get(name), now.tensors.get(name)
    reason = _structural(name, golden, now)
    if ours is None or theirs is None or reason:
        _verify(name, golden, now)
        return _result(name, theirs or ours, Verdict.BROKEN, limits, reason=reason)
    text = name in golden.document.text
    if golden.document.sha256[name] == now.document.sha256[name]:
        _verify(name, golden, now)
        metrics = _UNMEASURED if text else finite(measure((), ()).metrics)
        return _result(name, theirs, Verdict.IDENTICAL, limits, metrics)
    if text:
        return _result(name, theirs, Verdict.DRIFTED, {}, reason=first_difference(golden, now, name))
    return judge_measured(name, theirs, measure(golden.arrays(name), now.arrays(name)), limits)


def output_name(tensor: str) -> str:
    """The name of the output that a tensor holds: without `output/`."""
    return tensor.removeprefix(OUTPUT_PREFIX)


def _verify(name: str, *files: TensorFile) -> None:
    for file in files:
        if name in file.tensors:
            file.verify(name)


def _structural(name: str, golden: TensorFile, now: TensorFile) -> Reason | None:
    """Why the two cannot be compared; None if their numbers or texts can."""
    there, here = _described(name, golden), _described(name, now)
    return None if there == here else OutputDiffers(output_name(name), there, here)


def _described(name: str, file: TensorFile) -> str:
    if name not in file.tensors:
        return "absent (None)" if output_name(name) in file.document.absent else "missing"
    return "text" if name in file.document.text else str(file.tensors[name])


def _only_absent(golden: TensorFile, now: TensorFile, told: set[str]) -> Iterator[TensorResult]:
    """Fields that are None on one side and missing on the other."""
    for name in sorted(set(golden.document.absent) ^ set(now.document.absent)):
        if name not in told:
            reason = _structural(f"{OUTPUT_PREFIX}{name}", golden, now)
            yield _result(name, None, Verdict.BROKEN, {}, reason=reason)


def judge_measured(
    name: str, info: TensorInfo, measured: Measured, limits: Mapping[str, float]
) -> TensorResult:
    """The judgement of a measured tensor that is not bit-identical; without limits it fails."""
    metrics = finite(measured.metrics)
    if odd := _odd(name, info, measured):
        verdict = Verdict.BROKEN if measured.new_nan or measured.new_inf else Verdict.DRIFTED
        return _result(name, info, verdict, limits, metrics, reason=odd)
    failing = [
        metric for metric, limit in limits.items() if not _meets(metric, measured.metrics[metric], limit)
    ]
    if limits and not failing:
        return _result(name, info, Verdict.WITHIN, limits, metrics)
    needed = _needed(measured.metrics, limits)
    reason = _exceeded(output_name(name), measured.metrics, limits, failing)
    return _result(name, info, Verdict.DRIFTED, limits, metrics, needed, reason)


def _odd(name: str, info: TensorInfo, measured: Measured) -> NotFinite | None:
    """The NaN and Inf that only one side has; None if there are none."""
    if measured.first_odd is None:
        return None
    place = tuple(int(index) for index in np.unravel_index(measured.first_odd, info.shape))
    counts = measured.new_nan, measured.new_inf, measured.vanished
    return NotFinite(output_name(name), *counts, place)


def _meets(metric: str, value: float, limit: float) -> bool:
    # a NaN meets neither
    return value >= limit if metric in AT_LEAST else value <= limit


def _exceeded(
    output: str, metrics: Mapping[str, float], limits: Mapping[str, float], failing: list[str]
) -> Reason:
    if limits:
        return LimitsExceeded(output, tuple(reading(name, metrics[name], limits[name]) for name in failing))
    # No metric shows differences in signed zeros and NaN payloads.
    told = ("max_abs", "rel_l2") if metrics["mismatched"] else ()
    return NotBitwise(output, tuple(reading(name, metrics[name]) for name in told))


def _needed(metrics: Mapping[str, float], limits: Mapping[str, float]) -> Mapping[str, float]:
    """The limits that would have passed this: two digits, rounded toward passing."""
    names = limits or ("max_abs", "rel_l2")
    return {name: _rounded(metrics[name], name) for name in names if math.isfinite(metrics[name])}


def _rounded(value: float, metric: str) -> float:
    if not value:
        return value
    number = Decimal(repr(value))  # the shortest text, so that 0.01 does not become 0.011
    digit = Decimal(1).scaleb(number.adjusted() - 1)
    return float(number.quantize(digit, rounding=ROUND_FLOOR if metric in AT_LEAST else ROUND_CEILING))


def _result(
    name: str,
    info: TensorInfo | None,
    verdict: Verdict,
    limits: Mapping[str, float],
    metrics: Mapping[str, float | None] = _UNMEASURED,
    needed: Mapping[str, float] | None = None,
    reason: Reason | None = None,
) -> TensorResult:
    dtype, shape = (info.dtype, info.shape) if info else ("none", ())
    reasons = () if reason is None else (reason,)
    return TensorResult(output_name(name), verdict, dtype, shape, metrics, limits, needed or {}, reasons)


_CONTINUATION = bytes(range(0x80, 0xC0))
_SHOWN = 32
"""Bytes of text shown from the first difference on."""


def first_difference(golden: TensorFile, now: TensorFile, name: str) -> TextDiffers | None:
    """The first differing character of the UTF-8 texts called `name`; None if they are equal.

    Reads both completely, so that both are verified; raises UnreadableGolden as `TensorFile.raw` does.
    """
    output = name.removeprefix(OUTPUT_PREFIX)
    found: TextDiffers | None = None
    before = 0
    for ours, theirs in zip_longest(golden.raw(name), now.raw(name), fillvalue=b""):
        if found is None:
            left, right = bytes(ours), bytes(theirs)
            found = _difference(output, left, right, before) if left != right else None
            before += _characters(left)
    return found


def _difference(output: str, left: bytes, right: bytes, before: int) -> TextDiffers:
    shorter = min(len(left), len(right))
    index = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    while index and (_continues(left, index) or _continues(right, index)):
        index -= 1
    there, here = (text[index : index + _SHOWN].decode(errors="ignore") for text in (left, right))
    return TextDiffers(output, before + _characters(left[:index]), there, here)


def _characters(text: bytes) -> int:
    return len(text.translate(None, _CONTINUATION))


def _continues(text: bytes, index: int) -> bool:
    return text[index : index + 1] in _CONTINUATION and index < len(text)
