"""A year of nights with planted events: what each of 60 cases gave on each of 365 nights, where, and with what.

Everything else is ordinary: durations scatter and now and then a run takes three times as long, memory scatters,
packages move that change nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from harness.core.nights.night import Cost, Judged, Judgement, Machine, Measured, Night
from harness.core.results.verdict import Verdict
from tests.history.nights import ELSEWHERE, HERE, when

NIGHTS, CASES = 365, 60
LIMIT = 1e-4

UPGRADE, ACCEPTED = 40, 44
SHIFTED = range(12)  # drift with the upgrade
BENIGN = range(12, 17)  # move with it too, far from their limits
BUG, FIXED = 60, 75
BROKEN = (17, 18)
BIMODAL, BEGINS, ENDS = 20, 100, 140
HEAVY, HEAVIER = 21, 150
REJECTED_CASE, FAILS, REJECTED = 50, 180, 185
OUTAGE = 200
SWAP = 250
CREEPS, EVERY, RENEWED = 30, 14, 300
SLOW, SLOWER = 40, 320


def name(case: int) -> str:
    return f"family/case-{case:02}"


def year(seed: int = 1) -> Iterator[Night]:
    """The nights, in order."""
    rng = random.Random(seed)
    for number in range(NIGHTS):
        judged = tuple(_judged(case, number, rng) for case in range(CASES))
        machine = Machine({}) if number == OUTAGE else machine_of(number)
        lock = {} if number == OUTAGE else lock_of(number)
        code = 3 if number == OUTAGE else int(any(one.judgement.fails for one in judged))
        yield Night(f"night-{number}", when(number), machine, lock, judged, f"nightly/{number}", code)


def machine_of(number: int) -> Machine:
    return HERE if number < SWAP else ELSEWHERE


def lock_of(number: int) -> dict[str, str]:
    return {
        "diffusers": "0.43.0" if number >= UPGRADE else "0.42.1",
        "numpy": "2.3.1" if number >= FAILS else "2.3.0",
        "pillow": f"12.{number // 23}.0",
        "torch": "2.14.0" if number >= SLOWER else "2.13.0",
        "transformers": f"4.57.{number // EVERY}",
    }


def _judged(case: int, number: int, rng: random.Random) -> Judged:
    judgement, again = _judgement(case, number, rng)
    cost = _cost(case, number, rng)
    if number == OUTAGE:
        lost = Judgement(Verdict.ERROR, cause="lost", group="lost", what="error: no worker starts")
        return Judged(name(case), "cpu-x86_64", lost)
    return Judged(name(case), "cpu-x86_64", judgement, cost, again)


def _judgement(case: int, number: int, rng: random.Random) -> tuple[Judgement, tuple[str | None, ...]]:
    if case in SHIFTED and UPGRADE <= number < ACCEPTED:
        return _failure(case, f"{case}-shifted", "scheduler"), (f"{case}-shifted",) * 2
    if case in SHIFTED and number >= ACCEPTED:
        return replace(_same(case, f"{case}-shifted"), golden=f"{case}-accepted"), ()
    if case in BENIGN and number >= UPGRADE:
        return _within(case, f"{case}-moved", 1e-7), ()
    if case in BROKEN and BUG <= number < FIXED:
        raised = Judgement(
            Verdict.BROKEN, f"{case}-golden", None, None, "raised", "raised", "raised: TypeError"
        )
        return raised, (None, None)
    if case == BIMODAL and BEGINS <= number < ENDS:
        return _bimodal(case, rng)
    if case == REJECTED_CASE and number >= FAILS:
        failure = _failure(case, f"{case}-numpy", "decoding")
        day = when(REJECTED).date().isoformat() if number >= REJECTED else None
        return replace(failure, rejected=day), (f"{case}-numpy",) * 2
    if case == CREEPS:
        return _creep(case, number), ()
    return _same(case), ()


def _bimodal(case: int, rng: random.Random) -> tuple[Judgement, tuple[str | None, ...]]:
    digests = [rng.choice((f"{case}-same", f"{case}-other")) for _ in range(3)]
    if digests[0] == f"{case}-same":
        return _same(case), ()
    return _failure(case, digests[0], "guidance"), tuple(digests[1:])


def _creep(case: int, number: int) -> Judgement:
    steps = number // EVERY
    if number < RENEWED:
        return _within(case, f"{case}-creep-{steps}", 2e-6 * 1.18**steps)
    since = steps - RENEWED // EVERY
    renewed = f"{case}-renewed"
    found = _within(case, f"{case}-creep-{steps}", 2e-6 * 1.18**since) if since else _same(case, renewed)
    return replace(found, golden=renewed)


def _same(case: int, outputs: str = "") -> Judgement:
    metrics = (Measured("images", "rel_l2", 0.0, None),)
    return Judgement(Verdict.IDENTICAL, f"{case}-golden", outputs or f"{case}-same", metrics=metrics)


def _within(case: int, outputs: str, value: float) -> Judgement:
    return Judgement(
        Verdict.WITHIN, f"{case}-golden", outputs, metrics=(Measured("images", "rel_l2", value, LIMIT),)
    )


def _failure(case: int, outputs: str, stage: str) -> Judgement:
    metrics = (Measured("images", "rel_l2", 3e-2, LIMIT),)
    golden, cause = f"{case}-golden", f"{stage}-{case}"
    return Judgement(
        Verdict.DRIFTED, golden, outputs, None, cause, stage, f"values in {stage}", None, metrics
    )


def _cost(case: int, number: int, rng: random.Random) -> Cost:
    seconds = (1 + case / 10) * rng.lognormvariate(0, 0.05) * (3 if rng.random() < 0.01 else 1)
    seconds *= 1.5 if number >= SWAP else 1
    seconds *= 1.6 if case == SLOW and number >= SLOWER else 1
    memory = 500e6 * rng.lognormvariate(0, 0.02) * (1.5 if case == HEAVY and number >= HEAVIER else 1)
    return Cost(0.1, seconds, seconds + 1, round(memory))
