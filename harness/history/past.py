"""What the earlier nights of a case say about its latest: the night before, the first one of a failure, alternation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.core.environment import Change
from harness.core.nights.night import Judgement
from harness.core.nights.timeline import Seen, Timeline, moved_between

SETTLED = 30
"""A case that gave the same digest on so many nights in a row does not alternate any more."""

OWN_NIGHTS = 14
"""How many nights a machine may miss without losing its own past."""


def before(line: Timeline, *, decided: bool = True) -> Seen | None:
    """What the latest night is compared with; None if there is nothing.

    Where several machines take turns, each has its own past: that is the last night of the same machine, if it is
    among the last OWN_NIGHTS. Nights that were lost to an error count only if not `decided`.
    """
    earlier = [one for one in line.earlier if _counts(one.judgement, decided=decided)]
    # A night on which no worker started ran nowhere else.
    here = [one for one in earlier[-OWN_NIGHTS:] if _machine(one) in ((), _machine(line.now))]
    found = here or earlier
    return found[-1] if found else None


def _counts(one: Judgement, *, decided: bool) -> bool:
    return one.passes or (one.fails and (one.decided or not decided))


def same(one: Seen, other: Seen) -> bool:
    """Whether both saw the same: the same failure or, if both pass, the same bits."""
    ours, theirs = one.judgement, other.judgement
    if ours.passes != theirs.passes or ours.cause != theirs.cause:
        return False
    return not ours.passes or ours.outputs == theirs.outputs


def began(line: Timeline) -> tuple[Seen, tuple[Change, ...]]:
    """The first night of what the latest one saw, and what moved in the environment that night.

    Nights that found nothing out do not interrupt a failure, and neither do other machines' passes.
    """
    first, prior = line.now, before(line, decided=line.now.judgement.decided)
    if prior is None or not same(prior, line.now):
        return first, _moved(prior, first)
    for one in reversed(line.earlier):
        if same(one, line.now):
            first, prior = one, None
        elif one.judgement.decided:
            prior = prior or one
            if _machine(one) == _machine(first):
                prior = one
                break
    return first, _moved(prior, first)


def _moved(prior: Seen | None, first: Seen) -> tuple[Change, ...]:
    return moved_between(prior.night, first.night) if prior else ()


def _machine(one: Seen) -> tuple[tuple[str, str], ...]:
    return one.night.machine.hardware


def since_golden(line: Timeline) -> list[Seen]:
    """The nights, the latest included, that compared outputs with the golden that judges now."""
    golden = line.now.judgement.golden
    return [one for one in line.seen if one.judgement.golden == golden and one.judgement.outputs is not None]


@dataclass(frozen=True, slots=True)
class Alternation:
    """The digests that a case alternates between, and the night that showed it."""

    digests: frozenset[str]
    shown: Seen


def alternation(line: Timeline) -> Alternation | None:
    """The first time since the golden that a case went from one digest to another and back, twice; None for never.

    Once is what a fixed bug does. Going back to other versions, or to another machine, may well bring back the bits of
    then, so at most one of the three ways may have been explained by that.
    """
    runs = _unsettled(line)
    for four in zip(runs, runs[1:], runs[2:], runs[3:], strict=False):
        digests = [run[0].judgement.outputs for run in four]
        ways = pairwise(four)
        if digests[:2] == digests[2:] and sum(_explained(left, right) for left, right in ways) <= 1:
            return Alternation(frozenset(one for one in digests if one is not None), four[-1][0])
    return None


def _unsettled(line: Timeline) -> list[list[Seen]]:
    """The nights since the golden in stretches of one digest, from the last one on that was long."""
    runs = _runs(since_golden(line))
    long = [place for place, run in enumerate(runs) if len(run) >= SETTLED]
    return runs[long[-1] :] if long else runs


def last_failure(line: Timeline) -> Judgement | None:
    """The last failure since the golden."""
    failures = [one.judgement for one in since_golden(line) if one.judgement.fails]
    return failures[-1] if failures else None


def _runs(seen: Sequence[Seen]) -> list[list[Seen]]:
    """The nights in stretches of one digest."""
    runs = list[list[Seen]]()
    for one in seen:
        if runs and runs[-1][-1].judgement.outputs == one.judgement.outputs:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def _explained(left: Sequence[Seen], right: Sequence[Seen]) -> bool:
    return bool(moved_between(left[-1].night, right[0].night))


def first_unstable(line: Timeline) -> Seen | None:
    """The first night since the golden, and since the case last settled, whose further runs gave other outputs."""
    if line.now.judgement.outputs is None:
        return line.now if line.now.unstable else None
    return next((one for run in _unsettled(line) for one in run if one.unstable), None)
