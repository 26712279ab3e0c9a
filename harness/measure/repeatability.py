"""Repeatability: how far apart the runs of a case are, and which switch of torch makes them differ."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import combinations
from pathlib import Path

from harness.core.capture import Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import Attention, Case, Determinism, GeneratorKind
from harness.core.flags import Flags
from harness.core.results.measure_reasons import RunFailed
from harness.core.results.reasons import Reasons, said
from harness.core.results.recording import Distance, RepeatResult, SwitchTrial
from harness.core.results.verdict import Verdict
from harness.errors import HarnessError
from harness.invocation.options import RepeatOptions
from harness.run.trial import Freshness, Trial
from harness.run.variables import other_start
from harness.trials.bitwise import compare_files
from harness.trials.captures import capture_path, seconds_of
from harness.trials.experiment import Experiment, conduct_all
from harness.trials.failures import failure
from harness.trials.session import Session

_ALL_OFF = Determinism(
    algorithms=False,
    cublas_workspace=None,
    cudnn_benchmark=True,
    cudnn_deterministic=False,
    tf32=True,
    attention=Attention.DEFAULT,
    threads=min(os.cpu_count() or 1, 1024),
    portable=False,
)
"""Every deterministic switch off, so that torch may take the fastest kernels."""


@dataclass(frozen=True, slots=True)
class Group:
    """The trials of one case under the same switches: first the fresh ones, then those that share a worker.

    `outcomes` holds the outcomes of all trials, in their order, after they have ended.
    """

    case: Case
    flags: Flags
    fresh: tuple[Trial, ...]
    reused: tuple[Trial, ...] = ()
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials, in the order of their numbers."""
        return (*self.fresh, *self.reused)

    @property
    def pairs(self) -> list[tuple[Trial, Outcome]]:
        """Each trial with its outcome."""
        return list(zip(self.trials, self.outcomes, strict=True))


def group_of(case: Case, flags: Flags, how: RepeatOptions, out: Path) -> Group:
    """The trials of `case` under these `flags`; captures go under `out`."""
    if flags is Flags.OFF:
        return _group(replace(case, determinism=_ALL_OFF), flags, "repeat-off", how, out)
    return _group(case, flags, "repeat", how, out)


def _group(case: Case, flags: Flags, name: str, how: RepeatOptions, out: Path) -> Group:
    trials = [
        Trial(case, capture_path(out, case, f"{name}-{number}"), number)
        for number in range(1, how.count * (2 if how.reuse else 1) + 1)
    ]
    fresh = (
        replace(trial, variables=other_start(trial.number), freshness=Freshness.FRESH)
        for trial in trials[: how.count]
    )
    # More than one worker would share them out, and then perhaps none would run in a used process.
    reused = (replace(trial, freshness=Freshness.ONE_WORKER) for trial in trials[how.count :])
    return Group(case, flags, tuple(fresh), tuple(reused))


def conduct_groups(groups: Sequence[Group], session: Session) -> Iterator[Group]:
    """Run the trials of all groups: each fresh one in its own process, the others of a group in one worker."""
    planned = [(group, [Experiment(group.trials, group.outcomes.extend, kept=True)]) for group in groups]
    yield from conduct_all(session, planned)


def result_of(group: Group) -> RepeatResult:
    """How far apart the runs of `group` are."""
    result = _measured(group.case, group.pairs)
    return replace(result, flags=group.flags, reused=len(group.reused))


def with_trials(
    groups: Sequence[Group], results: Sequence[RepeatResult], how: RepeatOptions, session: Session
) -> list[RepeatResult]:
    """The results; if the runs of a case differ with flags off, each switch is also tried alone."""
    trials = {
        place: [_trial(group.case, name, how, session.out) for name in _SWITCHES]
        for place, (group, result) in enumerate(zip(groups, results, strict=True))
        if _is_a_switchs_doing(group, result)
    }
    for _group_done in conduct_groups([group for row in trials.values() for group in row], session):
        pass
    return [
        replace(result, switches=tuple(_tried(trials.get(place, ())))) for place, result in enumerate(results)
    ]


_SWITCHES = tuple(one.name for one in fields(Determinism))


def _is_a_switchs_doing(group: Group, result: RepeatResult) -> bool:
    # Unseeded runs differ whatever the switches.
    seeded = group.case.generator is not GeneratorKind.NONE
    return group.flags is Flags.OFF and result.deterministic is False and seeded


def _trial(case: Case, switch: str, how: RepeatOptions, out: Path) -> Group:
    one_on = replace(_ALL_OFF, **{switch: getattr(Determinism(), switch)})
    only = replace(how, reuse=False)
    return _group(replace(case, determinism=one_on), Flags.OFF, f"repeat-only-{switch}", only, out)


def _tried(trials: Sequence[Group]) -> Iterator[SwitchTrial]:
    for switch, group in zip(_SWITCHES, trials, strict=False):
        result = result_of(group)
        yield SwitchTrial(switch, result.deterministic, _largest(result.distances))


def _largest(distances: Sequence[Distance]) -> float | None:
    known = [distance.max_abs for distance in distances if distance.max_abs is not None]
    return max(known) if known and len(known) == len(distances) else None


def with_apart(groups: Sequence[Group], results: Sequence[RepeatResult]) -> Iterator[RepeatResult]:
    """The results; each with flags off also has the distance from the same case with flags on."""
    on = {
        group.case.id: group.fresh[0]
        for group, result in zip(groups, results, strict=True)
        if group.flags is Flags.ON and result.deterministic is not None
    }
    for group, result in zip(groups, results, strict=True):
        there = on.get(group.case.id)
        if group.flags is Flags.OFF and there is not None and result.deterministic is not None:
            result = replace(result, apart=tuple(_distances(there, group.fresh[0])))
        yield result


def _measured(case: Case, runs: Sequence[tuple[Trial, Outcome]]) -> RepeatResult:
    seconds = seconds_of(outcome for _, outcome in runs)
    for trial, outcome in runs:
        if not isinstance(outcome, Completed):
            return _failure(case, trial, outcome, len(runs), seconds)
    platform = next(outcome.environment.platform for _, outcome in runs if isinstance(outcome, Completed))
    try:
        distances = tuple(
            distance
            for (first, _), (second, _) in combinations(runs, 2)
            for distance in _distances(first, second)
        )
    except HarnessError as error:
        return RepeatResult(case.id, platform, len(runs), None, (), said(str(error)), seconds)
    deterministic = all(distance.identical for distance in distances)
    return RepeatResult(case.id, platform, len(runs), deterministic, distances, (), seconds)


def _distances(first: Trial, second: Trial) -> list[Distance]:
    return [
        Distance(
            first.number,
            second.number,
            result.name,
            result.metrics.get("max_abs"),
            result.metrics.get("mismatched"),
            result.verdict is Verdict.IDENTICAL,
        )
        for result in compare_files(first.capture, second.capture)
    ]


def _failure(
    case: Case, trial: Trial, outcome: Lost | Raised | Unavailable, count: int, seconds: float
) -> RepeatResult:
    found = failure(outcome)
    never_started = found.skipped or bool(found.next_steps)
    reasons: Reasons = (
        said(found.why) if never_started else (RunFailed(trial.number, found.why, found.raised),)
    )
    return RepeatResult(
        case.id,
        found.platform,
        count,
        None,
        (),
        reasons,
        seconds,
        skipped=found.skipped,
        log=found.log,
        next_steps=found.next_steps,
    )
