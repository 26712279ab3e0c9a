"""How often the alarms of a night are false: durations that only scatter, and metrics that only move with packages.

`python benchmarks/alarms.py` prints alarms for each year of a project of 60 cases, in simulated years without events:

    durations    scatter by 2, 5 and 10 %, without outliers, with 1 % and with 5 % of runs that take three times as long
    metrics      a new digest every week or every night, with an error that scatters by a factor of 1.1 to 10
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from harness.core.nights.night import Cost, Judgement, Machine, Measured
from harness.core.nights.timeline import Head, Seen, Timeline
from harness.core.results.verdict import Verdict
from harness.history.alarms import costs, creeping

CASES, NIGHTS, YEARS = 60, 365, 2
MACHINE = Machine({"hardware.cpu_model": "simulated"})
START = datetime(2026, 1, 1, tzinfo=UTC)
HEADS = [Head(str(number), START + timedelta(days=number), MACHINE, {}) for number in range(NIGHTS)]
LIMIT = 1e-4

Make = Callable[[random.Random], list[Seen]]


def slow(scatter: float, outliers: float) -> Make:
    """Nights with durations alone."""

    def make(rng: random.Random) -> list[Seen]:
        judgement = Judgement(Verdict.IDENTICAL, "golden", "same")
        taken = [
            rng.lognormvariate(0, scatter) * (3 if rng.random() < outliers else 1) for _ in range(NIGHTS)
        ]
        return [Seen(head, judgement, Cost(run=value)) for head, value in zip(HEADS, taken, strict=True)]

    return make


def moving(every: int, factor: float) -> Make:
    """Nights with an error that is drawn anew, around a hundredth of the limit, whenever the digest is."""

    def make(rng: random.Random) -> list[Seen]:
        found = list[Seen]()
        for number, head in enumerate(HEADS):
            if number % every == 0:
                value = LIMIT / 100 * factor ** rng.gauss(0, 1)
                measured = (Measured("images", "rel_l2", value, LIMIT),)
                judgement = Judgement(Verdict.WITHIN, "golden", f"digest-{number}", metrics=measured)
            found.append(Seen(head, judgement))
        return found

    return make


def alarms(make: Make, count: Callable[[Timeline], int]) -> float:
    """Alarms in a year of all cases."""
    rng = random.Random(0)
    total = 0
    for _ in range(CASES * YEARS):
        seen = make(rng)
        total += sum(
            count(Timeline("case", "cpu", tuple(seen[:end]))) for end in _ends(seen, count is _creeps)
        )
    return total / YEARS


def _ends(seen: list[Seen], changes: bool) -> Iterator[int]:
    for end in range(2, len(seen) + 1):
        if not changes or seen[end - 1].judgement is not seen[end - 2].judgement:
            yield end


def _slower(line: Timeline) -> int:
    return len(list(costs(line)))


def _creeps(line: Timeline) -> int:
    return int(creeping(line) is not None)


def main() -> None:
    """Print a line for each kind of year."""
    for scatter in (0.02, 0.05, 0.1):
        for outliers in (0.0, 0.01, 0.05):
            found = alarms(slow(scatter, outliers), _slower)
            print(f"durations: scatter {scatter:.0%}, outliers {outliers:.0%}: {found:.1f} alarms a year")
    for every in (7, 1):
        for factor in (1.1, 2.0, 10.0):
            found = alarms(moving(every, factor), _creeps)
            when = "week" if every == 7 else "night"
            print(
                f"metrics: new digest every {when}, factor {factor:g}: {found:.1f} alarms a year of {CASES} cases"
            )


if __name__ == "__main__":
    main()
