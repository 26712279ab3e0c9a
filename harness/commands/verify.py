"""`harness verify`: run the cases, judge each against its golden, report."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from harness.core.capture import Completed, Outcome
from harness.core.case import Case
from harness.core.environment import Environment
from harness.core.results.verdict import PASSES, CaseResult, FileDigest, Passing, Report, Verdict
from harness.core.trace import TraceLevel
from harness.errors import HarnessError, UnreadableGolden
from harness.explain.results import with_divergence
from harness.golden.store import GoldenStore
from harness.golden.tensors import file_sha256
from harness.invocation.arguments import RUNNING, goldens, judges, replays
from harness.invocation.command import Command, options_of, writes
from harness.invocation.emit import emit
from harness.invocation.options import Options, VerifyOptions
from harness.judge.evidence import Evidence, gathered
from harness.judge.forced import replayable
from harness.judge.judge import judge
from harness.measure import invariants
from harness.report import json_report, junit
from harness.report.alike import logged_once
from harness.report.progress import Progress
from harness.report.terminal import Screen
from harness.report.wording import harmless_json
from harness.run.queue import Run
from harness.trials.conduct import (
    FORCED_NAME,
    REPORT_NAME,
    capture_path,
    cases_to_run,
    environment_of,
    run_all,
)


def verify(options: Options, how: VerifyOptions, screen: Screen) -> int:
    """Returns the exit code of the report.

    However it ends, what was judged by then is reported, as unfinished.
    """
    cases = cases_to_run(options, screen, GoldenStore(options.goldens))
    runs = tuple(Run(case, capture_path(options.out, case)) for case in cases)
    found = Found(runs, invariants.variations(cases, options.out), how)
    # Before the first capture goes: the report of an earlier verify speaks of captures that are no more.
    json_report.write_text(options.out / REPORT_NAME, json_report.verify_json(found.unfinished()))
    try:
        with screen.watch(len(runs)) as progress:
            judge_all(found, options, progress)
        report = found.report()
    except BaseException:
        _save_unfinished(found.unfinished(), options, how, screen)
        raise
    try:
        save_report(report, options, how)
    finally:  # a full disk does not hide the verdicts
        screen.show_verify(report, allow_missing=how.allow_missing, strict=how.strict)
    return report.exit_code(allow_missing=how.allow_missing, strict=how.strict)


@dataclass(frozen=True, slots=True)
class Found:
    """The runs of a verify, and what came of them so far: `results` are without the invariants."""

    runs: Sequence[Run]
    asked: Sequence[invariants.Variation]
    how: VerifyOptions
    outcomes: dict[Path, Outcome] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    results: dict[str, CaseResult] = field(default_factory=dict)
    replayed: set[str] = field(default_factory=set)
    concluded: dict[str, CaseResult] = field(default_factory=dict)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def is_forced(self, case: Case) -> bool:
        """Whether the case is judged under forced replay as well."""
        return self.how.forced or case.forced

    @property
    def environment(self) -> Environment | None:
        """Where the runs ran."""
        return environment_of(list(self.outcomes.values()))

    def judged(self, run: Run) -> CaseResult:
        """The result of the case of `run`, with its invariants."""
        if run.case.id in self.concluded:
            return self.concluded[run.case.id]
        evidence = self.evidence[run.case.id]
        evidence.invariants = invariants.outcomes_of(run.case, self.asked, self.outcomes)
        return judge(evidence)

    def conclude(self, run: Run) -> CaseResult:
        """As `judged`, for a case whose runs have all ended: nothing is judged anew after this."""
        self.concluded[run.case.id] = self.judged(run)
        return self.concluded[run.case.id]

    def report(self) -> Report:
        """The report of a verify that came to its end, in the order of the configs."""
        judged = logged_once(self.judged(run) for run in self.runs)
        return Report(self.environment, judged, started=self.started, passing=_passing(self.how))

    def unfinished(self) -> Report:
        """The report of a verify that ends here; a pass that was judged in part only counts as not run."""
        done = {run.case.id: self._so_far(run) for run in self.runs if not self._pending(run.case)}
        left = tuple(run.case.id for run in self.runs if run.case.id not in done)
        judged, passing = logged_once(done.values()), _passing(self.how)
        return Report(
            self.environment, judged, finished=False, not_run=left, started=self.started, passing=passing
        )

    def complete(self, run: Run) -> bool:
        """Whether the run of the case and those of its invariants have all ended."""
        return run.case.id in self.results and invariants.complete(run.case, self.asked, self.outcomes)

    def _so_far(self, run: Run) -> CaseResult:
        whole = invariants.complete(run.case, self.asked, self.outcomes)
        return self.judged(run) if whole else self.results[run.case.id]

    def _pending(self, case: Case) -> bool:
        """Whether nothing is known of the case, or a pass that a run still to come may turn into a failure."""
        result = self.results.get(case.id)
        if result is None:
            return True
        replays = result.verdict in PASSES and self.is_forced(case) and case.id not in self.replayed
        varied = result.verdict in PASSES | {Verdict.NO_GOLDEN}
        return replays or (varied and not invariants.complete(case, self.asked, self.outcomes))


Settle = Callable[[Evidence, CaseResult], CaseResult]
"""What is made of a result when the run of its case, and the replay if there is one, have ended."""


def judge_all(
    found: Found,
    options: Options,
    progress: Progress,
    *,
    settle: Settle = with_divergence,
    curious: Callable[[CaseResult], bool] = lambda _result: False,
) -> None:
    """Do the runs and judge each against its golden, by forced replay as well where it is asked for.

    A replay follows the run of its case in the worker that still holds the pipeline. Where it is not asked for, a
    result that makes one `curious` is replayed as well where its golden allows, which decides nothing. Files are
    open from the run of a case to its `settle`.
    """
    own = {run.case.id: run for run in found.runs}
    work = _Judging(found, own, options, GoldenStore(options.goldens), settle, curious)
    variations = [one.run for one in found.asked if one.run]
    try:
        for run, _outcome in run_all([*found.runs, *variations], options, progress, then=work.then):
            first = own[run.case.id]
            if first.case.id in work.settled and found.complete(first):
                judged = found.conclude(first)
                progress.concluded(judged.case, judged.verdict, judged.seconds)
    finally:
        for evidence in found.evidence.values():
            evidence.close()


@dataclass(frozen=True, slots=True)
class _Judging:
    """What is done as each run of a verify ends."""

    found: Found
    own: Mapping[str, Run]
    options: Options
    store: GoldenStore
    settle: Settle
    curious: Callable[[CaseResult], bool]
    settled: set[str] = field(default_factory=set)

    def then(self, run: Run, outcome: Outcome) -> Run | None:
        """Judge what came of `run`; the replay that is to follow it, if one is."""
        self.found.outcomes[run.capture] = outcome
        if run is self.own[run.case.id]:
            return self._judged(run, outcome)
        if run.forced is not None:
            evidence = self.found.evidence[run.case.id]
            evidence.replayed(outcome, decides=self.found.is_forced(run.case))
            self.found.replayed.add(run.case.id)
            self._settled(evidence)
        return None

    def _judged(self, run: Run, outcome: Outcome) -> Run | None:
        case, relation = run.case, self.found.how.relation
        digest = _digest(run.capture, outcome)
        evidence = gathered(case, outcome, self.store, relation=relation, digest=digest)
        self.found.evidence[case.id] = evidence
        result = self.found.results[case.id] = judge(evidence)
        wanted = self.found.is_forced(case) or self.curious(result)
        if wanted and replayable(evidence, result) and result.golden:
            capture = capture_path(self.options.out, case, FORCED_NAME)
            golden = Path(result.golden)
            return Run(case, capture, trace=TraceLevel.FULL, forced=golden, further=True)
        if self.found.is_forced(case):
            evidence.replayed(None)
            self.found.replayed.add(case.id)
        self._settled(evidence)
        return None

    def _settled(self, evidence: Evidence) -> None:
        evidence.explained = self.settle(evidence, judge(evidence))
        self.found.results[evidence.case.id] = evidence.explained
        self.settled.add(evidence.case.id)
        evidence.close()


def _passing(how: VerifyOptions) -> Passing:
    return Passing(how.allow_missing, how.strict)


def _digest(capture: Path, outcome: Outcome) -> FileDigest | None:
    """What `accept` knows the capture by; None where the run gave none, or none that can be read."""
    if not isinstance(outcome, Completed):
        return None
    with suppress(UnreadableGolden):
        return FileDigest(capture.as_posix(), file_sha256(capture))
    return None


def save_report(report: Report, options: Options, how: VerifyOptions) -> None:
    """Write report.json into the output folder, and the files that the options name."""
    text = json_report.verify_json(report)
    documents: list[tuple[str | Path, str]] = [(options.out / REPORT_NAME, text)]
    if options.json is not None:
        documents.append((options.json, harmless_json(text)))
    if options.junit is not None:
        xml = junit.junit_xml(report, allow_missing=how.allow_missing, strict=how.strict)
        documents.append((options.junit, xml))
    emit(*documents)


def _save_unfinished(report: Report, options: Options, how: VerifyOptions, screen: Screen) -> None:
    """Report what was judged before the verify ended by an exception, which this one never replaces."""
    try:
        save_report(report, options, how)
    except (HarnessError, OSError) as error:
        screen.warn(f"the report of what was judged could not be written: {error}")
        return
    done, path = len(report.cases), options.out / REPORT_NAME
    screen.warn(f"not finished: {done} of {done + len(report.not_run)} cases were judged, see {path}")


def _passes(command: argparse.ArgumentParser) -> None:
    command.add_argument("--allow-missing", action="store_true", help="a case without a golden passes")
    command.add_argument("--strict", action="store_true", help="a skipped case fails")


def _junit(command: argparse.ArgumentParser) -> None:
    command.add_argument("--junit", type=Path, metavar="FILE", help="write the verdicts as JUnit XML")


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    how = VerifyOptions(arguments.relation, arguments.allow_missing, arguments.strict, arguments.forced)
    return verify(options_of(arguments), how, screen)


COMMAND = Command(_run, (*RUNNING, goldens, judges, _passes, replays, _junit), writes)
