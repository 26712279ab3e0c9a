"""A timeline in stretches: consecutive nights that saw the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.core.environment import Change
from harness.core.nights.night import Judgement
from harness.core.nights.timeline import Seen, Timeline, moved_between


@dataclass(frozen=True, slots=True)
class Stretch:
    """Nights in a row with one judgement; never empty. `moved` is what moved on the night of its first."""

    seen: tuple[Seen, ...]
    moved: tuple[Change, ...] = ()

    @property
    def judgement(self) -> Judgement:
        """What all of them saw."""
        return self.seen[0].judgement

    @property
    def first(self) -> str:
        """The day of the first night."""
        return self.seen[0].night.day

    @property
    def last(self) -> str:
        """The day of the last night."""
        return self.seen[-1].night.day


def stretches_of(line: Timeline) -> tuple[Stretch, ...]:
    """The stretches of a timeline, the latest last."""
    return tuple(_stretches(line))


def _stretches(line: Timeline) -> Iterator[Stretch]:
    started = 0
    for place, one in enumerate(line.seen):
        following = line.seen[place + 1] if place + 1 < len(line.seen) else None
        if following is None or following.judgement != one.judgement:
            prior = line.seen[started - 1] if started else None
            moved = moved_between(prior.night, line.seen[started].night) if prior else ()
            yield Stretch(line.seen[started : place + 1], moved)
            started = place + 1
