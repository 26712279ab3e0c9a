"""Words for numbers, metrics, shapes and counts, the same in every kind of report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from harness.core.history import Person, Rejection
from harness.core.results.recording import RepeatReport, RepeatResult
from harness.core.results.verdict import CaseResult, Report, TensorResult, Verdict, worst_metric
from harness.core.tolerance import AT_LEAST

DETERMINISTIC, NOT_DETERMINISTIC = "deterministic", "not deterministic"
"""The verdicts of `repeat`."""

Word = TypeVar("Word", bound=str)

_MOST_DIGITS = 17
"""17 significant digits distinguish any two float64 values."""


def number(value: float | None, digits: int = 2) -> str:
    """A metric or limit in about `digits` significant digits: `3.1e-04`, `0.25`, `12`; None is `undefined`."""
    if value is None:
        return "undefined"
    if not math.isfinite(value):
        return str(value)
    if abs(value) < 1e6 and value == int(value):
        return str(int(value))
    if 0.01 <= abs(value) < 1e4:
        return f"{value:.{digits + 1}g}"
    return f"{value:.{digits - 1}e}"


def against_limit(metric: str, value: float | None, limit: float) -> str:
    """`rel_l2 3.1e-04 > 1.0e-05`, with enough digits to tell the two apart."""
    if value is None:
        return f"{metric} undefined, limit {number(limit)}"
    for digits in range(2, _MOST_DIGITS + 1):
        ours, theirs = number(value, digits), number(limit, digits)
        if ours != theirs or value == limit:
            break
    return f"{metric} {ours} {_sign(metric, value, limit)} {theirs}"


def metric_list(metrics: Mapping[str, float | None]) -> str:
    """`max_abs 1.0e-03, rel_l2 undefined`."""
    return ", ".join(f"{name} {number(value)}" for name, value in metrics.items())


def worst_words(result: CaseResult) -> str:
    """The worst metric against its limit, or the distance from bit-identical if no limit allows any."""
    worst = worst_metric(result)
    if worst is not None:
        return (
            ""
            if result.verdict is Verdict.IDENTICAL
            else against_limit(worst.metric, worst.value, worst.limit)
        )
    # If all tensors pass, something else failed the case.
    drifted = [tensor for tensor in result.tensors if tensor.verdict is Verdict.DRIFTED]
    values = [value for tensor in drifted if (value := tensor.metrics.get("max_abs")) is not None]
    return f"not exact, max_abs {number(max(values))}" if values and result.verdict is Verdict.DRIFTED else ""


def tensor_words(tensor: TensorResult) -> str:
    """The tensor's name, dtype and shape."""
    size = "x".join(map(str, tensor.shape)) or "scalar"
    return tensor.name if tensor.dtype == "none" else f"{tensor.name}  {tensor.dtype} {size}"


def rejection_words(rejection: Rejection) -> str:
    """`rejected on 2026-11-30 because the colours are wrong (Ann)`."""
    return f"rejected on {day_words(rejection.at)} because {rejection.reason} ({rejection.by.name})"


def day_words(at: str) -> str:
    """The day of a time in ISO 8601."""
    return at.partition("T")[0]


def person_words(person: Person | None) -> str:
    """`Ann <ann@example.org>`, or a user of the system who is said to be one, or `unknown`."""
    if person is None:
        return "unknown"
    if person.source == "system":
        return f"{person.name} (user of the system, no git identity)"
    return f"{person.name} <{person.email}>" if person.email else person.name


def seconds_words(seconds: float) -> str:
    """Seconds with one decimal."""
    return f"{seconds:.1f}"


def count_words(count: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shortened(text: str, most: int) -> str:
    """`text`, cut to `most` characters with an ellipsis for what is left out."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def tally(counts: Mapping[Word, int]) -> str:
    """`12 identical, 1 drifted`."""
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def fails(result: CaseResult, *, allow_missing: bool, strict: bool) -> bool:
    """Whether this case alone would make the exit code other than 0."""
    return Report(None, (result,)).exit_code(allow_missing=allow_missing, strict=strict) != 0


def verdict_summary(report: Report, *, allow_missing: bool, strict: bool) -> str:
    """The last line: the number of cases with each verdict, and what the exit code means."""
    code = report.exit_code(allow_missing=allow_missing, strict=strict)
    failed = sum(fails(case, allow_missing=allow_missing, strict=strict) for case in report.cases)
    unknown = sum(case.verdict is Verdict.ERROR for case in report.cases)
    line = summary_line(tally(report.summary()), failed, len(report.cases), unknown, code)
    return line if report.finished else f"{unfinished_words(report.not_run)}; so far {line}"


def unfinished_words(not_run: Sequence[str]) -> str:
    """`not finished: 2 cases were not run to the end`."""
    count = len(not_run)
    told = f"{count_words(count, 'case')} {'was' if count == 1 else 'were'} not run to the end"
    return f"not finished: {told}"


def summary_line(counts: str, failed: int, total: int, unknown: int, code: int) -> str:
    """`2 identical, 1 drifted: 1 of 3 cases failed (exit code 1)`."""
    if not total:
        return f"no cases (exit code {code})"
    passing = "all pass" if code == 0 else "none failed"
    meaning = f"{failed} of {count_words(total, 'case')} failed" if failed else passing
    if unknown:
        meaning += f", {unknown} of them because the harness could not find out"
    return f"{counts}: {meaning} (exit code {code})"


def repeat_verdict(result: RepeatResult) -> str:
    """The verdict in words: deterministic, not deterministic, skipped or error."""
    if result.deterministic is None:
        return "skipped" if result.skipped else "error"
    return DETERMINISTIC if result.deterministic else NOT_DETERMINISTIC


def repeat_summary(report: RepeatReport) -> dict[str, int]:
    """How many cases got each verdict that occurred."""
    found = [repeat_verdict(case) for case in report.cases]
    order = (DETERMINISTIC, NOT_DETERMINISTIC, "skipped", "error")
    return {verdict: found.count(verdict) for verdict in order if verdict in found}


def grouped_warnings(cases: Iterable[tuple[str, Iterable[str]]]) -> dict[str, list[str]]:
    """Each warning once, with the ids of the cases that gave it, in order of first appearance."""
    groups: dict[str, list[str]] = {}
    for case, warnings in cases:
        for warning in dict.fromkeys(warnings):
            groups.setdefault(warning, []).append(case)
    return groups


def _sign(metric: str, value: float, limit: float) -> str:
    if metric in AT_LEAST:
        return ">=" if value >= limit else "<"
    return "<=" if value <= limit else ">"
