"""Words for reasons and next steps: the only place that turns what the judge found into sentences."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from functools import singledispatch

from harness.core.environment import Change
from harness.core.results import reasons as of
from harness.core.results.next_step import NextStep
from harness.core.results.reasons import Reason, Warned
from harness.core.tolerance import AT_LEAST
from harness.report.measure_words import measure_words

GOLDEN, RUN = "the golden", "the run"
"""What a run is compared with: a golden or, for an invariant, the case's own plain run."""

_WIDTH = 32
"""Characters shown of a value of a definition."""

_DIGITS = 12
"""Hex digits shown of a digest or commit."""


def reason_words(reasons: Iterable[Reason], there: str = GOLDEN) -> str:
    """All reasons on one line, "" if there are none; `there` is what the outputs were compared with."""
    return "; ".join(_sentences(reasons, there))


def warning_words(warnings: Iterable[Warned]) -> tuple[str, ...]:
    """Each warning as text."""
    return tuple(one if isinstance(one, str) else _words(one) for one in warnings)


def step_words(steps: Iterable[NextStep]) -> str:
    """All steps on one line, "" if there are none."""
    return "; ".join(filter(None, map(one_step, steps)))


def one_step(step: NextStep) -> str:
    """`why: command`, or just one of them if the other is empty."""
    return ": ".join(filter(None, (step.why, command_words(step))))


def command_words(step: NextStep) -> str:
    """The command quoted for a shell, "" if the step has none."""
    return shlex.join(step.argv)


def _sentences(reasons: Iterable[Reason], there: str) -> list[str]:
    """One sentence per reason, except that all invariants share one."""
    told, failing = list[str](), list[str]()
    for one in reasons:
        if isinstance(one, of.InvariantFails):
            failing.append(_words(one))
        elif isinstance(one, of.OutputDiffers | of.TextDiffers):
            told.append(_both_sides(one, there))
        else:
            told.append(_words(one))
    return [*told, *([f"invariants: {'; '.join(failing)}"] if failing else [])]


def _both_sides(one: of.OutputDiffers | of.TextDiffers, there: str) -> str:
    if isinstance(one, of.OutputDiffers):
        return f"{one.output}: {one.golden} in {there}, now {one.now}"
    ours, theirs = (repr(text) if text else "the end" for text in (one.golden, one.now))
    place = f"text differs from character {one.character} onward"
    return f"{one.output}: {place}: {ours} in {there}, now {theirs}"


@singledispatch
def _words(reason: object) -> str:
    """The words of a reason; one function is registered for each kind."""
    return measure_words(reason)


@_words.register
def _(reason: of.Message) -> str:
    return reason.text


@_words.register
def _(reason: of.PipelineRaised) -> str:
    told = {"case": "", "invariant": "raised ", "forced": "forced replay: the pipeline raised "}
    return f"{told[reason.run]}{reason.message}"


@_words.register
def _(reason: of.MissingName) -> str:
    return reason.message if reason.name in reason.message else f"{reason.name}: {reason.message}"


@_words.register
def _(reason: of.OtherDevice) -> str:
    what = "the case runs" if reason.whole else "the invariant runs"
    return f"{reason.device}: {what} only on {' or '.join(reason.devices)}; choose one with --device"


@_words.register
def _(reason: of.NoCompiler) -> str:
    return f"this machine lacks the compiler that torch.compile needs ({reason.message})"


@_words.register
def _(reason: of.UnreadableFile) -> str:
    return reason.what


@_words.register
def _(reason: of.OtherCapture) -> str:
    return f"{reason.path}: is a capture of a different definition, for case {reason.case}"


@_words.register
def _(reason: of.UnfitCapture) -> str:
    return f"{reason.path}: cannot be judged as a capture of this case: {'; '.join(reason.why)}"


@_words.register
def _(reason: of.NoGolden) -> str:
    if not reason.platforms:
        return "no golden on any platform"
    there = ", ".join(reason.platforms)
    missing = f"{reason.platform}: no golden for this platform, and the case refuses cross-hardware"
    return f"{missing}; goldens exist for {there}"


@_words.register
def _(reason: of.RelationRefused) -> str:
    where = f"{reason.hardware} ({reason.device})"
    return f"{reason.golden}: recorded on {where}, and the case refuses {reason.relation}"


@_words.register
def _(reason: of.ExpectationsAlone) -> str:
    return f"{_words(reason.because)}; judged by its expectations alone"


@_words.register
def _(reason: of.DefinitionChanged) -> str:
    told = "; ".join(map(_definition_change, reason.changes))
    return (
        told or f"{reason.case}: the golden has a different digest, although no key of its definition differs"
    )


def _definition_change(change: Change) -> str:
    """`key: golden's value → now`; long values are shown from the point where they differ."""
    ours, theirs = change.golden or "", change.now or ""
    shared = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), 0)
    start = max(0, shared - _WIDTH // 2) if max(len(ours), len(theirs)) > _WIDTH else 0
    return f"{change.what}: {_shown(change.golden, start)} → {_shown(change.now, start)}"


def _shown(value: str | None, start: int) -> str:
    if value is None:
        return "default"
    cut = value[start : start + _WIDTH]
    return f"{'…' if start else ''}{cut}{'…' if start + _WIDTH < len(value) else ''}"


@_words.register
def _(reason: of.WeightsChanged) -> str:
    told = [
        f"{one.what}: weights sha256 {(one.golden or '')[:_DIGITS]}… → {(one.now or '')[:_DIGITS]}…"
        for one in reason.components
    ]
    if reason.commits is not None:
        told.append(f"commit {reason.commits.golden} → {reason.commits.now}")
    return "; ".join([*told, *map(_file_change, reason.files)])


def _file_change(file: of.FileChange) -> str:
    ours, theirs = _digest(file.golden, file.golden_commit), _digest(file.now, file.now_commit)
    return f"{file.name}: {ours} → {theirs}"


def _digest(sha256: str | None, commit: str | None) -> str:
    if sha256 is None:
        return "unknown"
    return f"sha256 {sha256[:_DIGITS]}…" + (f" of commit {commit[:_DIGITS]}" if commit else "")


@_words.register
def _(reason: of.UnusableCalibration) -> str:
    return reason.what


@_words.register
def _(reason: of.LimitCannotFail) -> str:
    told = ", ".join(f"{metric} {limit:.3g}" for metric, limit in reason.limits.items())
    most = ", ".join(
        f"{metric} {'at least' if metric in AT_LEAST else 'at most'} {bound:.3g}"
        for metric, bound in reason.bounds.items()
    )
    return f"{reason.output}: the limit {told} cannot fail: two {reason.dtype} tensors differ by {most}"


@_words.register
def _(reason: of.NothingToCompare) -> str:
    if reason.case is None:
        return "neither run has an output to compare"
    return f"{reason.case}: neither the golden nor the run has any output to compare"


@_words.register
def _(reason: of.ComparedInPart) -> str:
    so = f", so only the outputs could be compared ({reason.outputs})" if reason.outputs else ""
    return f"{reason.golden}: {'; '.join(reason.lacking)}{so}"


@_words.register
def _(reason: of.NotFinite) -> str:
    counts = {
        "new NaN": reason.new_nan,
        "new Inf": reason.new_inf,
        "vanished NaN or Inf": reason.vanished,
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"{reason.output}: {told}, the first at {list(reason.first)}"


@_words.register
def _(reason: of.LimitsExceeded) -> str:
    return f"{reason.output}: {', '.join(map(_exceeded, reason.exceeded))}"


def _exceeded(one: of.Reading) -> str:
    assert one.limit is not None
    return f"{one.metric} {_number(one)} {'<' if one.metric in AT_LEAST else '>'} {one.limit:.3g}"


def _number(one: of.Reading, digits: int = 3) -> str:
    return str(one.special) if one.value is None else f"{one.value:.{digits}g}"


@_words.register
def _(reason: of.NotBitwise) -> str:
    told = [f"{one.metric} {_number(one)}" for one in reason.metrics]
    how = ", ".join(["not bit for bit equal", *told])
    return f"{reason.output}: {how}" + (
        "" if told else ", although equal by value (signed zeros or NaN payloads)"
    )


@_words.register
def _(reason: of.ExactDiffers) -> str:
    return f"{reason.what}: {reason.golden} in the golden, now {reason.now}"


@_words.register
def _(reason: of.MoreExactFindings) -> str:
    return f"{reason.count} more exact findings"


@_words.register
def _(reason: of.ExpectationUnmet) -> str:
    place = f"{reason.output}.{reason.statistic}"
    if reason.value.value is None:
        return f"{place}: is {reason.value.special}, expected {reason.expected:g}"
    allowed = f"{reason.expected:.10g} ± {reason.abs_tol:g}"
    return f"{place}: {_number(reason.value, 10)}, expected {allowed}"


@_words.register
def _(reason: of.ExpectationOfNothing) -> str:
    there = ", ".join(reason.outputs) or "none"
    return f"{reason.output}.{reason.statistic}: no such numeric output; there are: {there}"


@_words.register
def _(reason: of.ExpectationOfComplex) -> str:
    place = f"{reason.output}.{reason.statistic}"
    return f"{place}: the output is complex; only abs_sum can be checked"


@_words.register
def _(reason: of.ReplayExceeds) -> str:
    told = [_boundary(one) for one in reason.boundaries]
    more = [f"and {reason.more} more"] if reason.more else []
    return f"forced replay: {'; '.join([*told, *more])}"


def _boundary(one: of.BoundaryExceeded) -> str:
    name = f"{one.event}[{one.index}]"
    if one.rel_l2 is None:
        return f"{name} cannot be compared, or differs from the golden"
    return f"{name} rel_l2 {one.rel_l2:.3g} > {one.limit:.3g}"


@_words.register
def _(reason: of.NotReplayable) -> str:
    return f"forced replay: {reason.golden or 'the golden'} does not keep the boundary tensors"


@_words.register
def _(reason: of.ReplayFailed) -> str:
    return f"forced replay: {reason.why}"


@_words.register
def _(reason: of.InvariantFails) -> str:
    return f"{reason.invariant}: {invariant_words(reason.reasons)}"


def invariant_words(reasons: Sequence[Reason]) -> str:
    """The reasons of an invariant, which compares two runs of the same code."""
    return reason_words(reasons, RUN)


@_words.register
def _(reason: of.StaleKept) -> str:
    return f"the golden is of another definition: {_words(reason.changed)}"


@_words.register
def _(reason: of.CaptureNotJudged) -> str:
    words = reason_words(reason.reasons)
    told = {
        "skipped": f"was skipped by the last verify: {words}",
        "error": f"the last verify could not judge it: {words}",
        "broken": f"gave nothing to accept: {words}",
    }
    return told.get(reason.verdict, "the last verify, by an older harness, kept no digest of its capture")
