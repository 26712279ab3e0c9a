"""Failing cases grouped by their cause: one sentence and one command for all cases that fail for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.core.results.cause import Cause, cause_of
from harness.core.results.next_step import NextStep
from harness.core.results.verdict import CaseResult, ExactFinding, Verdict
from harness.report.details import packages_moved
from harness.report.harmless import one_line
from harness.report.reason_words import reason_words
from harness.report.wording import count_words, tally

_MOST_NAMED = 2
"""Packages and outputs that are named before the rest is counted."""

_VALUE = 40
"""Characters shown of a value of the exact channel."""

_SENTENCE = 300
"""Characters shown of a reason that some library worded."""


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """The cases that fail for one cause, in the order of the report.

    `fingerprint` is what they share (`Cause.group`), `sentence` says what it is in one line of unescaped text.
    `step` is the command for the first case, which stands for all of them; None if its report names none.
    """

    fingerprint: str
    sentence: str
    step: NextStep | None
    cases: tuple[CaseResult, ...]

    @property
    def verdicts(self) -> str:
        """`11 drifted, 1 broken`, in the order of `Verdict`."""
        found = [case.verdict for case in self.cases]
        return tally({verdict: found.count(verdict) for verdict in Verdict if verdict in found})


def grouped(failing: Iterable[CaseResult]) -> tuple[CauseGroup, ...]:
    """The groups of these cases, of which none passes: the largest first, equally large ones as they come."""
    groups: dict[str, list[tuple[CaseResult, Cause]]] = {}
    for case in failing:
        cause = cause_of(case)
        assert cause is not None
        groups.setdefault(cause.group(), []).append((case, cause))
    found = (_group(fingerprint, members) for fingerprint, members in groups.items())
    return tuple(sorted(found, key=lambda group: -len(group.cases)))


def _group(fingerprint: str, members: Sequence[tuple[CaseResult, Cause]]) -> CauseGroup:
    cases = tuple(case for case, _ in members)
    steps = (step for step in cases[0].next_steps if step.argv)
    return CauseGroup(fingerprint, _sentence(cases, members[0][1]), next(steps, None), cases)


def _sentence(cases: Sequence[CaseResult], cause: Cause) -> str:
    moved = _moved(cases)
    return one_line("; ".join(filter(None, [_what(cases, cause), f"{moved} moved" if moved else ""])))


def _what(cases: Sequence[CaseResult], cause: Cause) -> str:
    if not cause.stage:
        return _reason(cases, cause)
    exact = _finding(cases, cause) if cause.finding == "exact" else ""
    return f"the first difference is in {cause.stage} ({cause.event})" + (f": {exact}" if exact else "")


def _finding(cases: Sequence[CaseResult], cause: Cause) -> str:
    """The finding that all have in common, with both sides if those are the same in each case."""
    found = [one for case in cases for one in _named(case, cause.names)[:1]]
    if not found:
        return ""
    sides = {(one.golden, one.now) for one in found}
    if len(sides) > 1:
        return found[0].name or found[0].what
    return f"{found[0].what}: {_side(found[0].golden)} → {_side(found[0].now)}"


def _named(case: CaseResult, names: Sequence[str]) -> list[ExactFinding]:
    return [one for one in case.exact_findings if one.fails and (one.name or one.what) in names[:1]]


def _side(value: str | None) -> str:
    if value is None:
        return "absent"
    return value if len(value) <= _VALUE else f"{value[:_VALUE]}…"


def _reason(cases: Sequence[CaseResult], cause: Cause) -> str:
    """The reason, if they have it in common word for word; else what it comes down to."""
    told = {reason_words(case.reasons) for case in cases}
    if cause.finding == "values" and len(told) > 1:
        outputs = list(dict.fromkeys(name for case in cases for name in _outputs(case)))
        return f"{_list(outputs) or 'the outputs'} beyond the limits"
    first = reason_words(cases[0].reasons) or str(cases[0].verdict)
    short = first if len(first) <= _SENTENCE else f"{first[:_SENTENCE]}…"
    return short if len(told) == 1 else f"{short} (and alike in {count_words(len(cases) - 1, 'other case')})"


def _outputs(case: CaseResult) -> tuple[str, ...]:
    cause = cause_of(case)
    return cause.outputs if cause else ()


def _moved(cases: Sequence[CaseResult]) -> str:
    """The packages that moved for all of these cases, in the order of the first, the most suspect one first."""
    others = [set(packages_moved(case.environment_changes)) for case in cases[1:]]
    return _list(
        [name for name in packages_moved(cases[0].environment_changes) if all(name in one for one in others)]
    )


def _list(names: Sequence[str]) -> str:
    """`a`, `a, b`, `a, b and 3 more`."""
    shown, more = names[:_MOST_NAMED], len(names) - _MOST_NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
