"""Words for the failures of one cause."""

from __future__ import annotations

from harness.core.environment import Change
from harness.core.results.groups import Group
from harness.report.details import change_words
from harness.report.harmless import one_line
from harness.report.reason_words import reason_words
from harness.report.wording import count_words, tally

_MOST_MOVED = 3

_SHARED = {
    "values": "outputs differ by more than their limits; it is unknown where it began",
    "text": "texts differ",
    "form": "outputs differ in kind: their shape, their dtype, or whether they are there",
    "not-finite": "outputs hold new NaN or Inf",
    "definition": "the definitions of the cases changed",
    "weights": "the weights changed",
    "expectation": "published figures are not met",
    "invariant": "invariants do not hold",
    "no-golden": "no golden may judge these cases here",
}
"""What cases of one kind of finding share, if their reasons hold different values."""


def group_sentence(group: Group) -> str:
    """One sentence about what the cases of a group share: where the first one began to differ, or its reason."""
    first = group.first
    if first.first_divergence:
        return one_line(first.first_divergence.sentence)
    reasons = [one_line(reason_words(result.reasons)) for result in group.results]
    shared = reasons[0] if len(set(reasons)) == 1 else _SHARED.get(group.cause.finding, reasons[0])
    return shared or str(first.verdict)


def group_count(group: Group) -> str:
    """`12 cases: 11 drifted, 1 broken`, or `1 case: drifted`."""
    found = [one.verdict for one in group.results]
    counts = {verdict: found.count(verdict) for verdict in group.verdicts}
    told = tally(counts) if len(found) > 1 else str(found[0])
    return f"{count_words(len(found), 'case')}: {told}"


def moved_words(changes: tuple[Change, ...]) -> str:
    """`transformers: 4.53.0 -> 4.60.1 moved`, the most suspicious first; "" if nothing moved."""
    if not changes:
        return ""
    more = len(changes) - _MOST_MOVED
    named = ", ".join(change_words(change) for change in changes[:_MOST_MOVED])
    return f"{named}{f' and {more} more' if more > 0 else ''} moved"
