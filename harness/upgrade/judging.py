"""Goldens judged under other versions; the current environment stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from harness.core.capture import Lost, Outcome, Unavailable
from harness.core.case import Case
from harness.core.environment import Change
from harness.core.results.candidate import Tried
from harness.core.results.next_step import harness_step
from harness.core.results.reasons import Message, MissingName
from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.errors import UsageError
from harness.explain.results import with_divergence
from harness.golden.store import GoldenStore
from harness.invocation.options import Options, UpgradeOptions, VerifyOptions
from harness.judge.evidence import Evidence
from harness.report.terminal import Screen
from harness.trials.session import open_session
from harness.trials.verification import Place, Verification, judge_all
from harness.upgrade.candidate import Candidate, candidate
from harness.upgrade.environments import Environments, Made, default_root
from harness.upgrade.index import Index, configured
from harness.upgrade.installer import Installer, NotInstalled, Unresolvable, Wish, installer
from harness.upgrade.lock import Lock, installed, is_place, lock_of, roots, too_old
from harness.upgrade.lock_file import lock_of_file
from harness.upgrade.matrix import specs_in

HELD = ("torch",)
"""What is held at the installed build unless it is asked for: another one is gigabytes, and other hardware's code."""

COMMAND = "verify --with"
"""What the report says it is of: captures of other versions are accepted by nobody."""


@dataclass(frozen=True, slots=True)
class Upgrades:
    """How candidates are turned into environments; `here` is what the harness itself runs with."""

    installer: Installer
    environments: Environments
    here: Lock
    large: bool = False
    """Whether packages of gigabytes may be downloaded."""


def resolved(wanted: Candidate, how: Upgrades) -> Lock:
    """The versions that `wanted` means; raises Unresolvable, and UsageError where they take gigabytes unasked."""
    if wanted.lock is not None and not wanted.requirements:
        lock = lock_of_file(wanted.lock)
    else:
        lock = how.installer.resolve(wish_of(wanted, how.here))
    for name in HELD:
        before, after = how.here.packages.get(name), lock.packages.get(name)
        if after not in (None, before) and not how.large:
            raise UsageError(
                f"{wanted}: moves {name} {before or 'as it is'} → {after}, a download of more than 1 GB; "
                "to go on add --yes"
            )
    return lock


def wish_of(wanted: Candidate, here: Lock) -> Wish:
    """What to resolve: what is asked for, and everything that is installed, where it is if nothing moves it."""
    pins = lock_of_file(wanted.lock).requirements() if wanted.lock else ()
    held = [here.pin(name) for name in HELD if name in here.packages and name not in wanted.names]
    # The package of a folder or an address may be one of those installed: only its metadata know.
    free = set(here.packages) if wanted.nameless else {*wanted.names, *lock_of(pins).packages}
    everything = tuple(name if name in free else here.words([name])[0] for name in sorted(here.packages))
    if wanted.day:
        # What others depend on today need not have been there; what the harness itself needs is enough.
        return Wish((*wanted.requirements, *held), roots() or everything, Lock(), wanted.day)
    return Wish((*wanted.requirements, *pins, *held), everything, here)


def needs_building(wanted: Candidate) -> bool:
    """Whether a folder or an address is asked for; a source tree has to be built in any case. Raises UsageError."""
    pinned = lock_of_file(wanted.lock).packages.values() if wanted.lock else ()
    return any(map(is_place, (*wanted.requirements, *pinned)))


def upgrades(index: Index, here: Lock, wished: str, *, sdists: bool, large: bool) -> Upgrades:
    """What makes environments for this user: `wished` is uv, pip or auto."""
    tool = installer(index, wished, sdists=sdists)
    return Upgrades(tool, Environments(default_root(), tool, index), here, large)


def judge_candidates(
    asked: Sequence[Candidate],
    cases: Sequence[Case],
    options: Options,
    how: VerifyOptions,
    upgrade: UpgradeOptions,
    screen: Screen,
) -> Iterator[Report]:
    """The report of each candidate as it is judged. Raises UsageError for what cannot be meant."""
    sdists = upgrade.sdists or any(map(needs_building, asked))
    made = upgrades(configured(), installed(), upgrade.installer, sdists=sdists, large=upgrade.large)
    for number, one in enumerate(asked, 1):
        screen.note(f"candidate {number} of {len(asked)}: {one}")
        place = replace(options, out=candidate_folder(options, number))
        yield judge_candidate(one, cases, made, place, how, screen)


def candidate_folder(options: Options, number: int) -> Path:
    """Where the captures of a candidate go; they are counted from 1."""
    return options.out / "candidates" / str(number)


def candidates_of(upgrade: UpgradeOptions) -> tuple[Candidate, ...]:
    """The candidates of the command line; a lock or a day counts for each of them."""
    specs = specs_in(upgrade.matrix) if upgrade.matrix else upgrade.candidates or ((),)
    return tuple(candidate(one, upgrade.lock, upgrade.day) for one in specs)


def not_judged(one: Candidate, cases: Sequence[Case]) -> Report:
    """The report of a candidate before it is judged."""
    ids = tuple(case.id for case in cases)
    return Report(None, (), finished=False, not_run=ids, command=COMMAND, candidate=Tried(one.asked))


def judge_candidate(
    wanted: Candidate,
    cases: Sequence[Case],
    how: Upgrades,
    options: Options,
    verify: VerifyOptions,
    screen: Screen,
) -> Report:
    """Every case judged under `wanted`, captures going to a folder of their own.

    What cannot be resolved, installed or imported is the verdict of every case: nothing could run.
    """
    tried = Tried(wanted.asked)
    try:
        lock = resolved(wanted, how)
        moved = lock.moved_from(how.here)
        companions = _companions(wanted, moved)
        tried = replace(tried, lock=lock.packages, moved=moved, companions=companions)
        if old := too_old(lock):
            return _nothing_ran(cases, replace(tried, problem=old), Verdict.ERROR)
        made = how.environments.make(lock)
    except Unresolvable as error:
        return _nothing_ran(cases, replace(tried, problem=f"cannot be resolved: {error}"), Verdict.BROKEN)
    except NotInstalled as error:
        return _nothing_ran(cases, replace(tried, problem=f"cannot be installed: {error}"), Verdict.ERROR)
    if made.problem:
        return _nothing_ran(
            cases, replace(tried, problem=f"cannot be imported: {made.problem}"), Verdict.BROKEN
        )
    report = _judged(made, cases, options, verify, screen)
    pointed = tuple(_pointed(result, wanted) for result in report.cases)
    return replace(report, cases=pointed, command=COMMAND, candidate=tried)


def _pointed(result: CaseResult, wanted: Candidate) -> CaseResult:
    """The result with the step that suits a candidate; neither `explain` nor `record` runs under its versions."""
    if result.verdict is not Verdict.DRIFTED and result.verdict is not Verdict.BROKEN:
        return result
    specs = (*wanted.requirements, *([str(wanted.lock)] if wanted.lock else []))
    # Only --since names a day, and that is the good end.
    step = harness_step("to learn which release did it", "blame", result.case, "--bad", *specs)
    return replace(result, next_steps=(step,) if specs and not wanted.day else ())


def _companions(wanted: Candidate, moved: Iterable[Change]) -> tuple[str, ...]:
    """What moves though nobody asked for it; a lock or a day asks for everything."""
    if wanted.lock or wanted.day:
        return ()
    # The package of a folder or an address is known by the version that it has in the lock: that place.
    return tuple(one.what for one in moved if one.what not in wanted.names and not is_place(one.now or ""))


def _judged(
    made: Made, cases: Sequence[Case], options: Options, verify: VerifyOptions, screen: Screen
) -> Report:
    place = Place(made.python, made.variables())
    found = Verification.of(cases, options.out, verify, place)
    with open_session(options, screen, len(cases)) as session:
        judge_all(found, session, GoldenStore(options.goldens), settle=_settled)
    return found.report()


def _settled(evidence: Evidence, result: CaseResult) -> CaseResult:
    """As in a plain verify, except that a name which the other versions lack is their answer: `broken`."""
    missing = lacking(evidence.outcome)
    if missing is None:
        return with_divergence(evidence, result)
    return replace(result, verdict=Verdict.BROKEN, reasons=(missing,), next_steps=())


def lacking(outcome: Outcome | None) -> MissingName | None:
    """What ended a run under other versions because they lack it, if anything.

    A package that is not installed here either says nothing about them.
    """
    match outcome:
        case Lost(lacking=MissingName() as missing):
            return missing
        case Unavailable(lacking=MissingName() as missing) if find_spec(missing.name) is not None:
            return missing
    return None


def _nothing_ran(cases: Sequence[Case], tried: Tried, verdict: Verdict) -> Report:
    results = tuple(
        CaseResult(
            case=case.id, verdict=verdict, platform=None, relation=None, golden=None,
            reasons=(Message(tried.problem),), seconds=0.0,
            pipeline=case.pipeline, tags=case.tags, source=case.source, line=case.line, entry=case.entry,
        )
        for case in cases
    )  # fmt: skip
    return Report(None, results, command=COMMAND, candidate=tried)
