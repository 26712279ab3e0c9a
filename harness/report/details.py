"""What reports say about one case, as lines that each kind of report lays out in its own way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.core.environment import Change
from harness.core.flags import Flags
from harness.core.results.next_step import NextStep, NextSteps
from harness.core.results.reasons import (
    ExactDiffers,
    InvariantFails,
    MoreExactFindings,
    Reason,
    Reasons,
    ReplayExceeds,
    Warned,
)
from harness.core.results.recording import RecordResult, RepeatResult
from harness.core.results.verdict import (
    PASSES,
    Boundary,
    CaseResult,
    ExactFinding,
    InvariantResult,
    TensorResult,
    Verdict,
)
from harness.core.tolerance import METRICS
from harness.report.harmless import harmless, one_line, plain
from harness.report.reason_words import (
    command_words,
    invariant_words,
    reason_words,
    step_words,
    warning_words,
)
from harness.report.wording import (
    against_limit,
    count_words,
    grouped_warnings,
    metric_list,
    number,
    tally,
    tensor_words,
)

MOST_CHANGES = 6
MOST_TENSORS = 6
MOST_FINDINGS = 6
MOST_BOUNDARIES = 4
MOST_CASES_NAMED = 3

_HELD = PASSES | {Verdict.SKIPPED}

_PACKAGE = "software.packages."

_RELEVANCE = (
    "platform",
    "hardware.",
    "software.packages.diffusers",
    "software.packages.torch",
    "software.packages.transformers",
    "switches.",
    "software.cuda",
    "software.cudnn",
    "software.driver",
    "software.packages.",
    "software.python",
    "software.os",
)
"""What is most likely to move a number comes first; other names keep their order."""


@dataclass(frozen=True, slots=True)
class Line:
    """One paragraph, indented by `indent` columns; `whole` keeps it on one line, however long.

    Continuation lines are indented by another `hang` columns.
    The first `len(verdict)` characters of the text take the colour of the word `verdict`.
    """

    text: str
    indent: int = 0
    whole: bool = False
    verdict: str = ""
    bold: bool = False
    hang: int = 2


def text_of(lines: Iterable[Line]) -> str:
    """The lines as plain text, unwrapped."""
    return "\n".join(harmless(" " * line.indent + line.text) for line in lines)


def heading(verdict: str, case: str, *about: str | None) -> Line:
    """`drifted  sd/ddim  (cpu-x86_64, same-hardware)`."""
    known = ", ".join(one_line(part) for part in about if part)
    return Line(f"{verdict}  {plain(case)}" + (f"  ({known})" if known else ""), verdict=verdict)


def case_details(result: CaseResult) -> list[Line]:
    """Everything a person needs about one judged case: heading, reason, numbers, what changed, what to do."""
    failing = [tensor for tensor in result.tensors if tensor.verdict not in PASSES]
    return [
        heading(result.verdict, result.case, result.platform, result.relation),
        *reason_lines(result, MOST_FINDINGS),
        *_tensors(failing, result.reasons),
        *finding_lines(result.exact_findings, MOST_FINDINGS),
        *replay_lines(result.boundaries, MOST_BOUNDARIES),
        *invariant_lines(result.invariants),
        *(labelled("first divergence", result.first_divergence.sentence) if result.first_divergence else ()),
        *(labelled("portability", result.portability) if result.portability else ()),
        *change_lines("environment", result.environment_changes),
        *log_lines(result.log),
        *next_lines([result.next_steps]),
    ]


def record_details(result: RecordResult) -> list[Line]:
    """What recording one case changed, measured or ran into, and what to do."""
    return [
        heading(result.state, result.case, result.platform),
        *_paragraphs(reason_words(result.reasons)),
        *_tensors(result.tensors, result.reasons),
        *change_lines("definition", result.definition_changes, limit=len(result.definition_changes)),
        *change_lines("environment", result.environment_changes),
        *log_lines(result.log),
        *next_lines([result.next_steps]),
    ]


def repeat_details(result: RepeatResult, verdict: str) -> list[Line]:
    """The outcome of one case's runs, without their distances."""
    last = result.runs - result.reused + 1
    shared = f"{last} to {result.runs} in one worker" if result.reused else ""
    off = "flags off" if result.flags is Flags.OFF else ""
    return [
        heading(verdict, result.case, result.platform, off, count_words(result.runs, "run"), shared),
        *_paragraphs(reason_words(result.reasons)),
        *log_lines(result.log),
        *next_lines([result.next_steps]),
    ]


def reason_lines(result: CaseResult, most: int) -> list[Line]:
    """The reasons, except those shown right below them: findings (up to `most`), boundaries and invariants."""
    shown = {(one.what, one.golden, one.now) for one in _failing_first(result.exact_findings)[:most]}

    def told_below(reason: Reason) -> bool:
        match reason:
            case ExactDiffers():
                return (reason.what, reason.golden, reason.now) in shown
            case MoreExactFindings():
                return bool(shown)
            case ReplayExceeds():
                return bool(_failing(result.boundaries))
        return isinstance(reason, InvariantFails) and bool(result.invariants)

    return _paragraphs(reason_words(reason for reason in result.reasons if not told_below(reason)))


def finding_lines(findings: Sequence[ExactFinding], most: int) -> Iterator[Line]:
    """Up to `most` exact findings, the failing ones first."""
    if not findings:
        return
    yield Line("exact findings, golden -> now:", indent=2)
    for finding in _failing_first(findings)[:most]:
        mark = "fails" if finding.fails else "noted"
        told = f"{mark}  {one_line(finding.what)}: {_side(finding.golden)} -> {_side(finding.now)}"
        yield Line(told, indent=4, verdict=mark, hang=len(mark) + 2)
    yield from _more(len(findings) - most)


def replay_lines(boundaries: Sequence[Boundary], most: int) -> Iterator[Line]:
    """The forced replay: up to `most` failing boundaries or, if none fails, how close it came to a limit."""
    if not boundaries:
        return
    failing = _failing(boundaries)
    if not failing:
        yield Line(f"forced replay: {_all_inside(boundaries)}", indent=2)
        return
    yield Line(f"forced replay, {len(failing)} of {len(boundaries)} boundaries beyond the limit:", indent=2)
    width = max(len(boundary.verdict) for boundary in failing[:most])
    for boundary in failing[:most]:
        told = f"{boundary.verdict:<{width}}  {_boundary_name(boundary)}: {_boundary_words(boundary)}"
        yield Line(told, indent=4, verdict=boundary.verdict, hang=width + 2)
    yield from _more(len(failing) - most)


def invariant_lines(invariants: Sequence[InvariantResult]) -> Iterator[Line]:
    """The failing invariants with their failing numbers; empty if all hold."""
    failing = [one for one in invariants if one.verdict not in _HELD]
    if not failing:
        return
    yield Line(f"invariants, {len(failing)} of {len(invariants)} do not hold:", indent=2)
    for one in failing:
        told = f"{one.verdict}  {plain(one.invariant)}: {one_line(invariant_words(one.reasons))}"
        yield Line(told, indent=4, verdict=one.verdict, hang=len(one.verdict) + 2)
        yield from (Line(plain(line.rstrip()), indent=6) for line in one.log)


def invariant_summary(results: Iterable[CaseResult]) -> list[Line]:
    """How many invariants hold and how many were skipped, each reason once; nothing if there are none."""
    judged = [(result.case, one) for result in results for one in result.invariants]
    if not judged:
        return []
    verdicts = [one.verdict for _, one in judged]
    skipped = verdicts.count(Verdict.SKIPPED)
    failed = sum(verdict not in _HELD for verdict in verdicts)
    counts = {"hold": len(judged) - skipped - failed, "do not hold": failed, "skipped": skipped}
    lines = [Line(f"invariants: {tally({word: count for word, count in counts.items() if count})}")]
    reasons: dict[str, list[str]] = {}
    for case, one in judged:
        if one.verdict is Verdict.SKIPPED:
            reasons.setdefault(invariant_words(one.reasons), []).append(f"{case} {one.invariant}")
    for reason, where in reasons.items():
        told = ", ".join(where) if len(where) <= MOST_CASES_NAMED else count_words(len(where), "invariant")
        lines.append(brief(told, reason))
    return lines


def labelled(label: str, text: str, *, bold: bool = False) -> list[Line]:
    """`label: text` on one line."""
    return [Line(f"{label}: {one_line(text)}", indent=2, bold=bold)]


def change_lines(what: str, changes: Sequence[Change], limit: int = MOST_CHANGES) -> Iterator[Line]:
    """The `limit` changes most likely to move a number."""
    if not changes:
        return
    yield Line(f"{what}, golden -> now:", indent=2)
    yield from (Line(change_words(change), indent=4) for change in by_relevance(changes)[:limit])
    yield from _more(len(changes) - limit)


def log_lines(log: Sequence[str]) -> Iterator[Line]:
    """The log as it was written."""
    if log:
        yield Line("log:", indent=2)
        yield from (Line(line.rstrip(), indent=4) for entry in log for line in plain(entry).splitlines())


def brief(case: str, reason: str) -> Line:
    """A case and its reason in one paragraph."""
    return Line(f"{plain(case)}: {one_line(reason)}", indent=2)


def next_lines(results: Iterable[NextSteps]) -> list[Line]:
    """`next:` with each next step once; each first command stays whole on its own line, ready to copy."""
    by_prose: dict[str, list[str]] = {}
    for steps in results:
        for prose, command in _first_and_others(steps):
            by_prose.setdefault(one_line(prose), []).append(one_line(command))
    lines = []
    for prose, commands in by_prose.items():
        lines.append(Line(f"next: {prose}".rstrip(), indent=2, hang=6))
        lines += [Line(command, indent=4, whole=True) for command in dict.fromkeys(commands) if command]
    return lines


def warning_lines(cases: Iterable[tuple[str, Iterable[Warned]]]) -> list[Line]:
    """Each warning once, with the cases that raised it."""
    told = ((case, warning_words(warnings)) for case, warnings in cases)
    return [
        Line(f"warning: {one_line(warning)} (in {_cases(ids)})", verdict="warning")
        for warning, ids in grouped_warnings(told).items()
    ]


def portability_lines(results: Iterable[CaseResult]) -> list[Line]:
    """Why goldens of other CPUs judged, each sentence once with its cases."""
    told = ((result.case, filter(None, [result.portability])) for result in results)
    return [Line(f"{one_line(words)} (in {_cases(ids)})") for words, ids in grouped_warnings(told).items()]


def _cases(ids: Sequence[str]) -> str:
    return ", ".join(map(plain, ids)) if len(ids) <= MOST_CASES_NAMED else count_words(len(ids), "case")


def by_relevance(changes: Sequence[Change]) -> list[Change]:
    """The changes, those most likely to move a number first."""
    return sorted(changes, key=lambda change: _rank(change.what))


def packages_by_relevance(moved: Sequence[Change]) -> list[Change]:
    """Packages that moved, by name: as `by_relevance`, and those that only one side has after the others."""
    return sorted(
        moved, key=lambda one: (_rank(_PACKAGE + one.what), None in (one.golden, one.now), one.what)
    )


def change_words(change: Change) -> str:
    """`torch: 2.12.0 -> 2.13.0`."""
    name = change.what.removeprefix(_PACKAGE)
    return f"{plain(name)}: {_side(change.golden)} -> {_side(change.now)}"


def _paragraphs(text: str, indent: int = 2) -> list[Line]:
    return [Line(line.rstrip(), indent) for line in plain(text).splitlines() if line.strip()]


def _tensors(tensors: Sequence[TensorResult], told: Reasons) -> Iterator[Line]:
    for tensor in tensors[:MOST_TENSORS]:
        yield Line(plain(tensor_words(tensor)), indent=2)
        yield from _paragraphs(reason_words(one for one in tensor.reasons if one not in told), indent=4)
        yield from (Line(text, indent=4) for text in tensor_numbers(tensor))
    if len(tensors) > MOST_TENSORS:
        yield Line(
            f"and {count_words(len(tensors) - MOST_TENSORS, 'more tensor')}, all in the JSON report", indent=2
        )


def tensor_numbers(tensor: TensorResult) -> Iterator[str]:
    """The metrics against their limits, the limits that would be needed, and the other metrics."""
    for name, limit in tensor.limits.items():
        yield against_limit(name, tensor.metrics.get(name), limit)
    if tensor.needed:
        yield f"would need: {metric_list(tensor.needed)}"
    # In report order, whatever the mapping's order.
    names = [*METRICS, *(name for name in tensor.metrics if name not in METRICS)]
    others = {name: tensor.metrics.get(name) for name in names if name not in tensor.limits}
    others = {name: value for name, value in others.items() if value is not None}
    if others:
        yield f"{'also: ' if tensor.limits else ''}{metric_list(others)}"


def _more(count: int) -> Iterator[Line]:
    if count > 0:
        yield Line(f"and {count} more, all in the JSON report", indent=4)


def _failing_first(findings: Sequence[ExactFinding]) -> list[ExactFinding]:
    return sorted(findings, key=lambda finding: not finding.fails)


def _failing(boundaries: Sequence[Boundary]) -> list[Boundary]:
    return [boundary for boundary in boundaries if boundary.verdict not in PASSES]


def _all_inside(boundaries: Sequence[Boundary]) -> str:
    known = [boundary for boundary in boundaries if boundary.rel_l2 and boundary.limit]
    worst = max(known, key=lambda boundary: (boundary.rel_l2 or 0.0) / boundary.limit, default=None)
    if worst is None:
        return f"all {len(boundaries)} boundaries bit-identical"
    nearest = f"{_boundary_name(worst)} {number(worst.rel_l2)} of {number(worst.limit)}"
    return f"all {len(boundaries)} boundaries within their limits, the worst {nearest}"


def _boundary_name(boundary: Boundary) -> str:
    return f"{one_line(boundary.event)}[{boundary.index}]"


def _boundary_words(boundary: Boundary) -> str:
    if boundary.rel_l2 is not None:
        return against_limit("rel_l2", boundary.rel_l2, boundary.limit)
    broken = boundary.verdict is Verdict.BROKEN
    return "missing, new, or of a different dtype or shape" if broken else "not bit for bit the golden's"


def _side(value: str | None) -> str:
    return "absent" if value is None else one_line(value)


def _rank(what: str) -> int:
    matching = (place for place, start in enumerate(_RELEVANCE) if what.startswith(start))
    return next(matching, len(_RELEVANCE))


def _first_and_others(steps: NextSteps) -> Iterator[tuple[str, str]]:
    """The prose and the command of the first step, then the others as prose; without a command it joins them."""
    first = steps[0] if steps else NextStep()
    if not first.argv:
        others = steps
    else:
        yield f"{first.why}:" if first.why else "", command_words(first)
        others = steps[1:]
    if others:
        yield step_words(others), ""
