"""`harness verify`: run the cases, judge each against its golden, report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.core.capture import Completed, Outcome
from harness.core.case import Case
from harness.core.environment import Environment
from harness.core.trace import TraceLevel
from harness.core.verdict import PASSES, CaseResult, FileDigest, Passing, Report, Verdict
from harness.errors import HarnessError, UnreadableGolden
from harness.golden.store import GoldenStore
from harness.golden.tensors import file_sha256
from harness.report import json_report, junit
from harness.report.alike import logged_once
from harness.report.progress import Progress
from harness.report.terminal import Screen
from harness.report.wording import harmless_json
from harness.run.agenda import Run
from harness.verify.forced import cannot_replay, judge_forced, replayable
from harness.verify.judge import judge
from harness.workflow import invariants
from harness.workflow.cases import (
    FORCED_NAME,
    REPORT_NAME,
    capture_path,
    cases_to_run,
    environment_of,
    run_all,
)
from harness.workflow.emit import emit
from harness.workflow.explained import with_divergence
from harness.workflow.options import Options, VerifyOptions


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
    """The runs of a verify, and what came of them so far."""

    runs: Sequence[Run]
    asked: Sequence[invariants.Variation]
    how: VerifyOptions
    outcomes: dict[Path, Outcome] = field(default_factory=dict)
    results: dict[str, CaseResult] = field(default_factory=dict)
    replayed: set[str] = field(default_factory=set)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def to_replay(self) -> list[Case]:
        """The cases that are judged under forced replay as well."""
        return [run.case for run in self.runs if self.how.forced or run.case.forced]

    @property
    def environment(self) -> Environment | None:
        """Where the runs ran."""
        return environment_of(list(self.outcomes.values()))

    def judged(self, run: Run) -> CaseResult:
        """The result of the case of `run`, with its invariants."""
        return invariants.judged(self.results[run.case.id], self.asked, self.outcomes)

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
        replays = (
            result.verdict in PASSES and (self.how.forced or case.forced) and case.id not in self.replayed
        )
        varied = result.verdict in PASSES | {Verdict.NO_GOLDEN}
        return replays or (varied and not invariants.complete(case, self.asked, self.outcomes))


def judge_all(found: Found, options: Options, progress: Progress, *, explained: bool = True) -> None:
    """Do the runs and judge each against its golden, by forced replay as well where it is asked for.

    Where the results are to be `explained`, a failing one says where it began.
    """
    store = GoldenStore(options.goldens)
    variations = [one.run for one in found.asked if one.run]
    own = {run.case.id: run for run in found.runs}
    replays = found.to_replay()
    for run, outcome in run_all([*found.runs, *variations], options, progress):
        found.outcomes[run.capture] = outcome
        first = own[run.case.id]
        if run is first:
            result = judge(run.case, outcome, store, relation=found.how.relation)
            found.results[run.case.id] = replace(result, capture=_digest(run.capture, outcome))
        if first.case not in replays and found.complete(first):
            _conclude(found, first, progress, options.out if explained else None)
    for case_id, result in replayed(replays, found.results, options, progress):
        found.results[case_id] = result
        found.replayed.add(case_id)
        _conclude(found, own[case_id], progress, options.out if explained else None)


def _passing(how: VerifyOptions) -> Passing:
    return Passing(how.allow_missing, how.strict)


def _conclude(found: Found, run: Run, progress: Progress, out: Path | None) -> None:
    """Show the verdict of the case, now that all its runs have ended; explained by the captures in `out`."""
    if out is not None:
        result = found.results[run.case.id]
        replay = replay_of(run.case, result, out)
        found.results[run.case.id] = with_divergence(run.case, result, run.capture, replay)
    judged = found.judged(run)
    progress.concluded(judged.case, judged.verdict, judged.seconds)


def replay_of(case: Case, result: CaseResult, out: Path) -> Path | None:
    """The capture of the replay that gave the result its boundaries; None where it has none."""
    return capture_path(out, case, FORCED_NAME) if result.boundaries else None


def _digest(capture: Path, outcome: Outcome) -> FileDigest | None:
    """What `accept` knows the capture by; None where the run gave none, or none that can be read."""
    if not isinstance(outcome, Completed):
        return None
    with suppress(UnreadableGolden):
        return FileDigest(capture.as_posix(), file_sha256(capture))
    return None


def replayed(
    cases: Sequence[Case],
    results: Mapping[str, CaseResult],
    options: Options,
    progress: Progress,
    *,
    decides: bool = True,
) -> Iterator[tuple[str, CaseResult]]:
    """The results of these cases with a forced replay beside them, each as its replay ends.

    Unless the replay `decides`, the verdicts stay.
    """
    runs = [
        Run(
            case,
            capture_path(options.out, case, FORCED_NAME),
            trace=TraceLevel.FULL,
            forced=Path(golden),
            further=True,
        )
        for case in cases
        if replayable(results[case.id]) and (golden := results[case.id].golden)
    ]
    if decides:
        replays = {run.case.id for run in runs}
        yield from ((case.id, cannot_replay(results[case.id])) for case in cases if case.id not in replays)
    for run, outcome in run_all(runs, options, progress) if runs else ():
        yield run.case.id, judge_forced(run.case, results[run.case.id], outcome, decides=decides)


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
