"""From the timelines of the cases to the news of the latest night: digests first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.core.nights.news import Kind, News
from harness.core.nights.timeline import Head, Seen, Timeline, moved_between
from harness.history import alarms, past

_MACHINE_NIGHTS = 30
"""A machine that ran one of the last so many nights is not another one."""


def news_of(lines: Iterable[Timeline], nights: Sequence[Head]) -> tuple[News, ...]:
    """The news of the last of the `nights`; only timelines that end with it have any."""
    tonight = nights[-1]
    own = [line for line in lines if line.now.night is tonight]
    found = [one for line in own for one in (*_of_case(line), *alarms.costs(line))]
    return (*_of_machine(nights), *found)


def _of_machine(nights: Sequence[Head]) -> Iterator[News]:
    tonight = nights[-1]
    known = [one for one in nights[:-1] if one.known][-_MACHINE_NIGHTS:]
    if not known or not tonight.known:
        return
    if tonight.machine.hardware not in (one.machine.hardware for one in known):
        changes = moved_between(known[-1], tonight)
        hardware = tuple(change for change in changes if change.what.startswith("hardware."))
        yield News(Kind.MACHINE, "", "", tonight.day, hardware)


def _of_case(line: Timeline) -> Iterator[News]:
    now = line.now.judgement
    if not (now.passes or now.fails):
        return
    unsteady = _unsteady(line)
    if unsteady is not None:
        # A case that alternates within its limits is told once and never again.
        if unsteady.kind is not Kind.KNOWN or unsteady.group:
            yield unsteady
    elif now.passes:
        yield from _pass(line)
    else:
        yield _failure(line)


def _unsteady(line: Timeline) -> News | None:
    """What is known of a case that does not always give the same bits; None if it does, or gives entirely new ones."""
    digest = line.now.judgement.outputs
    first, found = past.first_unstable(line), past.alternation(line)
    if first is line.now and (found is None or found.shown is line.now):
        return _news(Kind.NONDETERMINISTIC, line)
    if found is not None and found.shown is line.now and first is None:
        return _news(Kind.ALTERNATES, line)
    shown = list[Seen]()
    if first is not None and digest in (first.judgement.outputs, *first.again):
        shown.append(first)
    if found is not None and digest in found.digests:
        shown.append(found.shown)
    earliest = min(shown, key=lambda one: one.night.started, default=None)
    return None if earliest is None else _news(Kind.KNOWN, line, earliest)


def _failure(line: Timeline) -> News:
    first, moved = past.began(line)
    if line.now.judgement.rejected is not None:
        return _news(Kind.REJECTED, line, first, line.now.judgement.rejected)
    kind = Kind.NEW if first is line.now else Kind.KNOWN
    now = line.now.judgement
    return News(kind, line.case, line.platform, first.night.day, moved, now.group, now.what, fails=True)


def _pass(line: Timeline) -> Iterator[News]:
    last = past.before(line)
    if last is None or last.judgement.passes:
        latest = past.before(line, decided=False)
        last = latest if latest and latest.judgement.fails else last
    if last is None:
        return
    moved, day = moved_between(last.night, line.now.night), line.now.night.day
    if not last.judgement.passes:
        accepted = last.judgement.golden not in (None, line.now.judgement.golden)
        was = last.judgement
        yield News(
            Kind.RECOVERED, line.case, line.platform, day, moved, was.group, was.what, accepted=accepted
        )
    elif not past.same(last, line.now) and last.judgement.golden == line.now.judgement.golden:
        rise = alarms.creeping(line)
        kind = Kind.SHIFTED if rise is None else Kind.CREEPING
        yield News(kind, line.case, line.platform, day, moved, rise=rise)


def _news(kind: Kind, line: Timeline, first: Seen | None = None, since: str = "") -> News:
    """News about a case as it is tonight, which began with `first`; by default tonight."""
    now, last = line.now.judgement, past.before(line)
    failure = now if now.fails else past.last_failure(line) or now
    moved = moved_between(last.night, line.now.night) if last and first is None else ()
    day = since or (first or line.now).night.day
    return News(kind, line.case, line.platform, day, moved, failure.group, failure.what, fails=now.fails)
