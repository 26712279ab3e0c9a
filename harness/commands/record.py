"""`harness record`: run each case twice in fresh processes, and store a golden if both agree bit for bit."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from harness.core.capture import CaptureDocument, Completed, Lost, Raised, Unavailable
from harness.core.case import Case
from harness.core.history import Decision
from harness.core.results.measure_reasons import GoldenKept, RunsDiffer
from harness.core.results.next_step import NextStep, NextSteps, advice, harness_step
from harness.core.results.reasons import (
    Message,
    PipelineRaised,
    Reason,
    StaleKept,
    UnreadableFile,
    said,
)
from harness.core.results.recording import RecordReport, RecordResult, RecordState
from harness.core.results.verdict import TensorResult
from harness.errors import HarnessError, UnreadableGolden
from harness.golden.completeness import check_whole, lacks_trace
from harness.golden.header import read_document
from harness.golden.store import GoldenStore
from harness.invocation.arguments import RUNNING, goldens
from harness.invocation.command import Command, options_of, writes
from harness.invocation.decision import decision, gives_reason
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.judge.stale import other_definition
from harness.measure.weak_cases import weaknesses
from harness.report import json_report
from harness.report.alike import logged_once
from harness.report.terminal import Screen
from harness.run.trial import Freshness, Trial
from harness.run.variables import other_start
from harness.trials.acceptance import accept_capture
from harness.trials.bitwise import compare_files, differing
from harness.trials.captures import environment_of, seconds_of
from harness.trials.cases import cases_to_run
from harness.trials.experiment import Experiment, Outcomes, conduct_all
from harness.trials.failures import failure
from harness.trials.session import Session, open_session

RUNS = 2
"""How many runs of a case must agree before one becomes its golden."""

RECORD_NAME = "record.json"
"""The name of record's report in the output folder."""

_ACCEPTED = (RecordState.RECORDED, RecordState.UPDATED, RecordState.UNCHANGED)
"""The states in which the capture of a case is now its golden."""


def record(
    options: Options, screen: Screen, *, update: bool, weak_cases: bool = True, why: str | None = None
) -> RecordReport:
    """Record, write and show the report; `weak_cases` adds runs that show whether the new goldens judge badly.

    `why` is the reason that the histories of the goldens keep.

    If it ends early, for whatever reason, it reports what was stored so far, as unfinished.
    """
    found = _Found(cases_to_run(options, screen), decision(why))
    path = options.out / RECORD_NAME
    json_report.write_text(path, json_report.record_json(found.report(finished=False)))
    try:
        with open_session(options, screen, len(found.cases)) as session:
            _record_all(found, GoldenStore(options.goldens), session, update=update)
            if weak_cases:
                # Also before the additional runs: what is stored is reported, however they end.
                json_report.write_text(path, json_report.record_json(found.report(finished=False)))
                found.results.update(_with_weaknesses(found, session))
    except BaseException:
        _save_unfinished(found.report(finished=False), options, screen)
        raise
    report = found.report(finished=True)
    try:
        _save(report, options)
    finally:  # a full disk must not hide what was stored
        screen.show_record(report)
    return report


def recorded(
    cases: Sequence[Case], session: Session, store: GoldenStore, made: Decision, *, update: bool
) -> RecordReport:
    """Record these cases in an open session, without the runs that look for weak cases; writes and shows no report."""
    found = _Found(cases, made)
    _record_all(found, store, session, update=update)
    return found.report(finished=True)


@dataclass(frozen=True, slots=True)
class _Found:
    """The cases to record, by whose decision, with the results and the outcomes of their runs so far."""

    cases: Sequence[Case]
    made: Decision
    results: dict[str, RecordResult] = field(default_factory=dict)
    outcomes: dict[str, Outcomes] = field(default_factory=dict)

    def report(self, *, finished: bool) -> RecordReport:
        """The results so far, in the order of the configs."""
        done = logged_once(self.results[case.id] for case in self.cases if case.id in self.results)
        left = tuple(case.id for case in self.cases if case.id not in self.results)
        environment = environment_of(outcome for pair in self.outcomes.values() for outcome in pair)
        return RecordReport(environment, done, finished, left)


def _record_all(found: _Found, store: GoldenStore, session: Session, *, update: bool) -> None:
    if not update:
        found.results.update(_kept(found.cases, store, session))
        for kept in found.results.values():
            session.progress.concluded(kept.case, kept.state, kept.seconds)
    planned = [
        (case, [_recording(found, case, session)]) for case in found.cases if case.id not in found.results
    ]
    for case in conduct_all(session, planned):
        # Immediately, so that an interrupted recording keeps what it has finished.
        result = _result(case, found, _captures(case, session), store, update=update)
        found.results[case.id] = result
        session.progress.concluded(case.id, result.state, result.seconds)


def _recording(found: _Found, case: Case, session: Session) -> Experiment:
    """The runs of a case, each in a fresh process that starts differently from the one before."""
    trials = (
        Trial(case, capture, number, variables=other_start(number), freshness=Freshness.FRESH)
        for number, capture in enumerate(_captures(case, session), 1)
    )
    return Experiment(tuple(trials), partial(found.outcomes.__setitem__, case.id), kept=True)


def _captures(case: Case, session: Session) -> tuple[Path, ...]:
    return tuple(session.path(case, f"run-{number}") for number in range(1, RUNS + 1))


def _with_weaknesses(found: _Found, session: Session) -> dict[str, RecordResult]:
    """The results of the cases with a new golden, with the warnings from additional runs."""
    cases = [case for case in found.cases if case.id in found.outcomes]
    accepted = [
        (case, _captures(case, session)[0]) for case in cases if found.results[case.id].state in _ACCEPTED
    ]
    try:
        warnings = weaknesses(accepted, session)
    except (HarnessError, OSError) as error:
        # The goldens are stored and sound; a failure of these checks is not a failure of the goldens.
        warnings = {case.id: (f"it could not be checked for weaknesses: {error}",) for case, _ in accepted}
    return {
        name: replace(found.results[name], warnings=(*found.results[name].warnings, *more))
        for name, more in warnings.items()
    }


def _kept(cases: Sequence[Case], store: GoldenStore, session: Session) -> dict[str, RecordResult]:
    """The results of the cases that already have a golden for this platform; they are not run."""
    if not any(store.platforms(case.id) for case in cases):
        return {}
    here = session.environment()
    if isinstance(here, Lost):
        # The runs themselves will report what is wrong with the device or the worker.
        return {}
    existing = [case for case in cases if here.platform in store.platforms(case.id)]
    return {case.id: _kept_result(case, here.platform, store) for case in existing}


def _kept_result(case: Case, platform: str, store: GoldenStore) -> RecordResult:
    path = store.path(case.id, platform)
    steps: NextSteps = (harness_step("to record it again", "record", "--update", case.id),)
    reason: Reason
    try:
        state, reason = RecordState.KEPT, GoldenKept()
        with store.open(path) as golden:
            check_whole(golden)
            lacking = lacks_trace(golden, case.trace_level)
        if lacking:
            what = f"{path}: {'; '.join(lacking)}, so it cannot judge the case"
            state, reason = RecordState.ERROR, UnreadableFile(what)
        if changed := other_definition(case, golden.document):
            state, reason = RecordState.STALE, StaleKept(changed)
    except UnreadableGolden as error:
        # Not to be overwritten: that would turn whatever the code does today into the truth.
        state, reason, steps = RecordState.ERROR, UnreadableFile(error.what), advice(error.remedy)
    except HarnessError as error:
        state, reason, steps = RecordState.ERROR, Message(str(error)), ()
    return RecordResult(case.id, state, platform, path.as_posix(), (reason,), 0.0, next_steps=steps)


def _result(
    case: Case, found: _Found, captures: Sequence[Path], store: GoldenStore, *, update: bool
) -> RecordResult:
    outcomes = found.outcomes[case.id]
    seconds = seconds_of(outcomes)
    failed = next((outcome for outcome in outcomes if not isinstance(outcome, Completed)), None)
    if failed is not None:
        return _failure(case, failed, seconds)
    first, second = captures
    try:
        platform = read_document(first).environment.platform
        if not update and platform in store.platforms(case.id):
            # It appeared while the case ran, or could not be looked up before.
            return _kept_result(case, platform, store)
        noise = differing(compare_files(first, second))
        if noise and not case.allow_nondeterministic:
            return _nondeterministic(case, read_document(first), noise, seconds)
        return accept_capture(
            case,
            first,
            store,
            how="record",
            runs=RUNS,
            decision=found.made,
            noise=noise,
            seconds=seconds,
        )
    except HarnessError as error:
        return _failure(case, Lost(str(error)), seconds)


def _failure(case: Case, outcome: Lost | Raised | Unavailable, seconds: float) -> RecordResult:
    found = failure(outcome)
    state = (
        RecordState.SKIPPED if found.skipped else RecordState.BROKEN if found.raised else RecordState.ERROR
    )
    return RecordResult(
        case.id,
        state,
        found.platform,
        None,
        (PipelineRaised(found.why),) if found.raised else said(found.why),
        seconds,
        log=found.log,
        next_steps=found.next_steps,
        warnings=found.warnings,
    )


def _nondeterministic(
    case: Case, document: CaptureDocument, noise: tuple[TensorResult, ...], seconds: float
) -> RecordResult:
    return RecordResult(
        case=case.id,
        state=RecordState.NONDETERMINISTIC,
        platform=document.environment.platform,
        golden=None,
        reasons=(RunsDiffer(document.global_rngs),),
        seconds=seconds,
        tensors=noise,
        next_steps=(
            harness_step("measure it", "repeat", case.id),
            NextStep("if it is meant to differ, set `nondeterministic: allow`"),
        ),
        warnings=document.warnings,
    )


def _save(report: RecordReport, options: Options) -> None:
    text = json_report.record_json(report)
    json_report.write_text(options.out / RECORD_NAME, text)
    emit_json(text, options)


def _save_unfinished(report: RecordReport, options: Options, screen: Screen) -> None:
    """Report what was stored before an exception ended the recording; never raises another one in its place."""
    try:
        _save(report, options)
    except (HarnessError, OSError) as error:
        screen.warn(f"the report of what was recorded could not be written: {error}")
        return
    done, path = len(report.cases), options.out / RECORD_NAME
    screen.warn(f"not finished: {done} of {done + len(report.not_run)} cases were recorded, see {path}")


def _own_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--update", action="store_true", help="replace existing goldens, and print what changed"
    )
    command.add_argument(
        "--no-gates",
        action="store_true",
        help="skip the runs that show whether a case judges badly (rounding that grows, inputs without effect)",
    )


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    report = record(
        options_of(arguments),
        screen,
        update=arguments.update,
        weak_cases=not arguments.no_gates,
        why=arguments.reason,
    )
    return report.exit_code()


_why = gives_reason("why; the history of each golden keeps it")

COMMAND = Command(_run, (*RUNNING, goldens, _own_options, _why), writes)
