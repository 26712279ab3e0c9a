"""`harness verify`: run the cases, judge each against its golden, report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.core.capture import Completed, Outcome
from harness.core.case import Case
from harness.core.trace import TraceLevel
from harness.core.verdict import PASSES, CaseResult, FileDigest, Report, Verdict
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
    found = _Found(runs, invariants.variations(cases, options.out), how)
    # Before the first capture goes: the report of an earlier verify speaks of captures that are no more.
    json_report.write_text(options.out / REPORT_NAME, json_report.verify_json(found.unfinished()))
    try:
        report = _judge_all(found, options, screen)
    except BaseException:
        _save_unfinished(found.unfinished(), options, how, screen)
        raise
    try:
        save_report(report, options, how)
    finally:  # a full disk does not hide the verdicts
        screen.show_verify(report, allow_missing=how.allow_missing, strict=how.strict)
    return report.exit_code(allow_missing=how.allow_missing, strict=how.strict)


@dataclass(frozen=True, slots=True)
class _Found:
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

    def judged(self, run: Run) -> CaseResult:
        """The result of the case of `run`, with its invariants."""
        return invariants.judged(self.results[run.case.id], self.asked, self.outcomes)

    def unfinished(self) -> Report:
        """The report of a verify that ends here; a pass that was judged in part only counts as not run."""
        done = {run.case.id: self._so_far(run) for run in self.runs if not self._pending(run.case)}
        left = tuple(run.case.id for run in self.runs if run.case.id not in done)
        environment = environment_of(list(self.outcomes.values()))
        judged = logged_once(done.values())
        return Report(environment, judged, finished=False, not_run=left, started=self.started)

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


def _judge_all(found: _Found, options: Options, screen: Screen) -> Report:
    store = GoldenStore(options.goldens)
    variations = [one.run for one in found.asked if one.run]
    own = {run.case.id: run for run in found.runs}
    replays = found.to_replay()
    with screen.watch(len(found.runs)) as progress:
        for run, outcome in run_all([*found.runs, *variations], options, progress):
            found.outcomes[run.capture] = outcome
            first = own[run.case.id]
            if run is first:
                result = judge(run.case, outcome, store, relation=found.how.relation)
                found.results[run.case.id] = replace(result, capture=_digest(run.capture, outcome))
            if first.case not in replays and found.complete(first):
                _conclude(found, first, progress)
        for case_id, result in replayed(replays, found.results, options, progress):
            found.results[case_id] = result
            found.replayed.add(case_id)
            _conclude(found, own[case_id], progress)
    # Outcomes arrive as they end; the report keeps the order of the configs.
    environment = environment_of(list(found.outcomes.values()))
    return Report(environment, logged_once(found.judged(run) for run in found.runs), started=found.started)


def _conclude(found: _Found, run: Run, progress: Progress) -> None:
    """Explain the result of the case, now that all its runs have ended, and show its verdict."""
    found.results[run.case.id] = with_divergence(run.case, found.results[run.case.id], run.capture)
    result = found.judged(run)
    progress.concluded(result.case, result.verdict, result.seconds)


def _digest(capture: Path, outcome: Outcome) -> FileDigest | None:
    """What `accept` knows the capture by; None where the run gave none, or none that can be read."""
    if not isinstance(outcome, Completed):
        return None
    with suppress(UnreadableGolden):
        return FileDigest(capture.as_posix(), file_sha256(capture))
    return None


def replayed(
    cases: Sequence[Case], results: Mapping[str, CaseResult], options: Options, progress: Progress
) -> Iterator[tuple[str, CaseResult]]:
    """The results of these cases with a forced replay beside them, each as its replay ends."""
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
    replays = {run.case.id for run in runs}
    yield from ((case.id, cannot_replay(results[case.id])) for case in cases if case.id not in replays)
    for run, outcome in run_all(runs, options, progress) if runs else ():
        yield run.case.id, judge_forced(run.case, results[run.case.id], outcome)


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
