"""What a night says, in sentences: the same on the screen, in messages and in issues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.core.environment import Change
from harness.core.nights.news import Item, Kind, News
from harness.report.details import by_relevance, change_words
from harness.report.harmless import one_line
from harness.report.wording import count_words, number

_MOST_CASES = 5
_MOST_MOVED = 3
_MIB = 2**20


def item_words(item: Item) -> str:
    """What happened, to how many cases, and what moved that night; one line without the cases' names."""
    first, count = item.first, count_words(len(item.news), "case")
    return one_line(f"{_happened(first, count)}{_moved(first)}")


def cases_words(item: Item, most: int = _MOST_CASES) -> str:
    """The cases of an item, of which the first are named; "" if it is about the whole night."""
    names = [one.case for one in item.news if one.case]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return one_line(", ".join(names[:most]) + more)


def moved_words(moved: Sequence[Change]) -> str:
    """The changes most likely to move a number, and how many more there are; "" if there are none."""
    shown = [change_words(one) for one in by_relevance(moved)[:_MOST_MOVED]]
    more = len(moved) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more > 0 else [])])


def summary_words(items: Iterable[Item]) -> str:
    """`2 new, 1 known`: how many cases have news of each kind; `nothing new` if none has."""
    counts = dict[Kind, int]()
    for item in items:
        counts[item.kind] = counts.get(item.kind, 0) + len(item.news)
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing new"


def _happened(one: News, count: str) -> str:
    match one.kind:
        case Kind.NEW:
            return f"{count} failing, new since last night: {one.what}"
        case Kind.KNOWN:
            return f"{count} {'failing' if one.fails else 'passing'}, known since {one.since}: {_what(one)}"
        case Kind.REJECTED:
            return f"{count} failing, rejected on {one.since}: {one.what}"
        case Kind.NONDETERMINISTIC:
            return f"{count} not deterministic: fresh processes give different outputs ({_what(one)})"
        case Kind.ALTERNATES:
            return f"{count} alternating between two digests"
        case Kind.RECOVERED:
            how = "recovered: a new golden was accepted" if one.accepted else "recovered"
            return f"{count} {how} ({one.what})"
        case Kind.MACHINE:
            return "ran on another machine"
        case Kind.SHIFTED:
            return f"{count} passing with a new digest"
        case _:
            return f"{count} {_risen(one)}"


def _what(one: News) -> str:
    return one.what or "alternating digests"


def _risen(one: News) -> str:
    rise = one.rise
    assert rise is not None
    if one.kind is Kind.CREEPING:
        now, before, limit = map(number, (rise.now, rise.before, rise.limit))
        return f"creeping: {rise.of} {now}, before at most {before}, limit {limit}"
    if one.kind is Kind.SLOWER:
        return f"slower since {one.since}: median {number(rise.now)} s, before {number(rise.before)} s"
    now, before = (number((value or 0.0) / _MIB, 3) for value in (rise.now, rise.before))
    return f"using more memory since {one.since}: median {now} MiB, before {before} MiB"


def _moved(one: News) -> str:
    if one.kind is Kind.REJECTED:
        return ""
    if not one.moved:
        return "; nothing moved in the environment" if one.kind in _WITH_CAUSE else ""
    when = " then" if one.kind is Kind.KNOWN else ""
    return f"; moved{when}: {moved_words(one.moved)}"


_WITH_CAUSE = (Kind.NEW, Kind.CREEPING, Kind.ALTERNATES)
"""Kinds for which it says something that nothing moved."""
