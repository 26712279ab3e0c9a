"""Nights made by hand: what each case did, where, and with which packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from harness.core.nights.night import Cost, Judged, Judgement, Lock, Machine, Measured, Night
from harness.core.nights.timeline import Head, Seen, Timeline
from harness.core.results.verdict import Verdict

FIRST = datetime(2026, 1, 1, 3, 17, tzinfo=UTC)
HERE = Machine({"hardware.cpu_model": "Xeon", "hardware.device": "cpu", "software.python": "3.11.7"})
ELSEWHERE = Machine({"hardware.cpu_model": "EPYC", "hardware.device": "cpu", "software.python": "3.11.7"})
OLD, NEW = {"diffusers": "0.42.1", "torch": "2.13.0"}, {"diffusers": "0.43.0", "torch": "2.13.0"}


def identical(outputs: str = "a") -> Judgement:
    """The bits of the golden."""
    return Judgement(Verdict.IDENTICAL, "golden", outputs, f"trace-{outputs}", metrics=(rel_l2(0.0),))


def within(value: float, outputs: str, limit: float = 1e-4) -> Judgement:
    """Other bits inside the limit."""
    return Judgement(Verdict.WITHIN, "golden", outputs, metrics=(rel_l2(value, limit),))


def drifted(outputs: str = "b", cause: str = "cause-1", group: str = "group-1") -> Judgement:
    """A failure of this cause."""
    what = f"values at unet ({group})"
    return Judgement(
        Verdict.DRIFTED, "golden", outputs, None, cause, group, what, None, (rel_l2(1e-2, 1e-4),)
    )


def lost(cause: str = "cause-lost") -> Judgement:
    """A night that found nothing out."""
    return Judgement(Verdict.ERROR, cause=cause, group=f"group-{cause}", what="error: no worker starts")


def rel_l2(value: float, limit: float | None = None) -> Measured:
    return Measured("images", "rel_l2", value, limit)


def accepted(judgement: Judgement, golden: str) -> Judgement:
    """The same against another golden."""
    return replace(judgement, golden=golden)


def when(number: int) -> datetime:
    return FIRST + timedelta(days=number)


def day(number: int) -> str:
    return when(number).date().isoformat()


def head(number: int, lock: Lock = OLD, machine: Machine = HERE) -> Head:
    return Head(f"key-{number}", when(number), machine, lock, f"nightly/{day(number)}")


def timeline(
    judgements: Sequence[Judgement | None],
    locks: Mapping[int, Lock] | None = None,
    machines: Mapping[int, Machine] | None = None,
    costs: Sequence[Cost] | None = None,
    again: Mapping[int, tuple[str | None, ...]] | None = None,
) -> Timeline:
    """One judgement a night, None for none; locks and machines stay from the night on that they are given for."""
    lock, machine, seen = dict(OLD), HERE, []
    for number, judgement in enumerate(judgements):
        lock = dict((locks or {}).get(number, lock))
        machine = (machines or {}).get(number, machine)
        if judgement is not None:
            cost = costs[number] if costs else Cost()
            more = (again or {}).get(number, ())
            seen.append(Seen(head(number, lock, machine), judgement, cost, more))
    return Timeline("ddim/two", "cpu-x86_64", tuple(seen))


def night(number: int, *judged: Judged, lock: Lock = OLD, machine: Machine = HERE) -> Night:
    return Night(f"key-{number}", when(number), machine, lock, judged, f"nightly/{day(number)}", 0)


def judged(judgement: Judgement, case: str = "ddim/two", **others: object) -> Judged:
    return Judged(case, "cpu-x86_64", judgement, **others)  # type: ignore[arg-type]
