"""What a history of 1,000 cases and 365 nights takes on the disk, and how long its commands take.

`python benchmarks/history.py [CASES NIGHTS]` prints a line for each: an ordinary year, in which one case in fifty
gets a new digest a night, and the worst one, in which every case gets a new one every night.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.core.nights.night import Cost, Judged, Judgement, Machine, Measured, Night
from harness.core.results.verdict import Verdict
from harness.history import reading, writing
from harness.history.database import opened
from harness.history.news import news_of

METRICS = ("max_abs", "mean_abs", "rel_l2", "cosine_distance", "psnr", "max_ulp", "mismatched")
START = datetime(2026, 1, 1, 3, tzinfo=UTC)
MACHINE = Machine({f"hardware.entry{place}": "a value of some length" for place in range(12)})


def _digest(rng: random.Random) -> str:
    return f"{rng.getrandbits(256):064x}"


def _judgement(rng: random.Random) -> Judgement:
    limits = {"max_abs": 1e-3, "rel_l2": 1e-4}
    measured = [Measured("images", name, rng.random() * 1e-5, limits.get(name)) for name in METRICS]
    return Judgement(Verdict.WITHIN, "0" * 64, _digest(rng), _digest(rng), metrics=tuple(measured))


def year(cases: int, nights: int, share: float) -> list[Night]:
    """Nights in which this share of the cases gets a new digest."""
    rng = random.Random(0)
    now = [_judgement(rng) for _ in range(cases)]
    return [_night(number, now, share, rng) for number in range(nights)]


def _night(number: int, now: list[Judgement], share: float, rng: random.Random) -> Night:
    for place in range(len(now)):
        if rng.random() < share:
            now[place] = _judgement(rng)
    lock = {f"package{place}": f"1.{number // 30}.0" for place in range(80)}
    judged = tuple(
        Judged(f"family/case@seed={place}", "cpu-x86_64", judgement, _cost(rng))
        for place, judgement in enumerate(now)
    )
    return Night(f"night-{number}", START + timedelta(days=number), MACHINE, lock, judged)


def _cost(rng: random.Random) -> Cost:
    return Cost(rng.random(), rng.lognormvariate(0, 0.05), 2.0, rng.randrange(10**9))


def measure(name: str, nights: Sequence[Night], folder: Path) -> None:
    """Print what this year takes."""
    path = folder / f"{name}.sqlite"
    with opened(path) as connection:
        inserts = [_timed(lambda night=night: writing.add(connection, night)) for night in nights]
        case = nights[0].judged[0].case
        one = _timed(lambda: reading.read(connection, case=case))
        whole = _timed(lambda: reading.read(connection))
        found = reading.read(connection)
        news = _timed(lambda: news_of(found.timelines, found.nights))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size / 1e6
    print(
        f"{name}: {size:.0f} MB; a night is added in {max(inserts):.2f} s at most; one case is read in {one:.2f} s, "
        f"all of them in {whole:.1f} s; the news of a night take {news:.1f} s"
    )


def _timed(what: object) -> float:
    started = time.perf_counter()
    what()  # type: ignore[operator]
    return time.perf_counter() - started


def main(words: Sequence[str]) -> None:
    """Measure both years."""
    cases, nights = map(int, words or ("1000", "365"))
    with tempfile.TemporaryDirectory() as folder:
        measure("an ordinary year", year(cases, nights, 0.02), Path(folder))
        measure("the worst year", year(cases, nights, 1.0), Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
