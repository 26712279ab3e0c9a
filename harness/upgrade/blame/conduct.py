"""Inquiries into several cases side by side: they share environments, and what one run can answer is asked once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from harness.core.results.blame import Blame
from harness.upgrade.blame.inquiry import Ask, CaseInquiry, Inquiry
from harness.upgrade.blame.runs import Runner
from harness.upgrade.lock import Lock

Note = Callable[[str], None]
"""Tells the user how far the search is."""


@dataclass
class _Open:
    """An inquiry that waits for an answer."""

    about: CaseInquiry
    inquiry: Inquiry[Blame]
    ask: Ask
    started: float


def conduct_all(about: Sequence[CaseInquiry], runner: Runner, note: Note) -> Iterator[Blame]:
    """The blame of each case, as soon as it is known.

    The set of versions that most cases wait for comes next, so that its environment is needed once.
    """
    waiting = list[_Open]()
    for each in about:
        started, inquiry = monotonic(), each.conduct()
        try:
            waiting.append(_Open(each, inquiry, next(inquiry), started))
        except StopIteration as end:
            yield replace(end.value, seconds=monotonic() - started)
    while waiting:
        lock = _most_wanted(waiting)
        group = [one for one in waiting if one.ask.lock == lock]
        note(_progress(group))
        answers = runner.see(lock, [(one.about.case, one.ask.runs) for one in group])
        for one, seen in zip(group, answers, strict=True):
            try:
                one.ask = one.inquiry.send(seen)
            except StopIteration as end:
                waiting.remove(one)
                yield replace(end.value, seconds=monotonic() - one.started)


def _most_wanted(waiting: Sequence[_Open]) -> Lock:
    wanted = [one.ask.lock for one in waiting]
    return max(wanted, key=lambda lock: sum(lock == other for other in wanted))


def _progress(group: Sequence[_Open]) -> str:
    cases = ", ".join(one.about.case.id for one in group)
    left = dict.fromkeys(one.ask.left for one in group if one.ask.left)
    return f"{cases}: {'; '.join(left) or 'one more run'}"
