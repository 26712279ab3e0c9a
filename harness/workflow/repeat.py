"""`harness repeat`: N runs in fresh processes, and how far apart they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from harness.core.capture import Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import Case
from harness.core.recording import Distance, RepeatReport, RepeatResult
from harness.core.verdict import Verdict
from harness.errors import HarnessError
from harness.report import json_report
from harness.report.terminal import Screen
from harness.run.agenda import Run
from harness.workflow.bits import compare_files
from harness.workflow.cases import capture_path, cases_to_run, environment_of, run_all
from harness.workflow.emit import emit_json
from harness.workflow.options import Options


def repeat(options: Options, screen: Screen, *, count: int) -> int:
    """Returns 0 when every case is deterministic, 1 when runs differ, 3 when a run failed."""
    cases = cases_to_run(options, screen)
    runs = [
        Run(case, capture_path(options.out, case, f"repeat-{number}"), number)
        for case in cases
        for number in range(1, count + 1)
    ]
    done = {run.capture: outcome for run, outcome in run_all(runs, options, screen, fresh=True)}
    results = [
        _result(case, [(run, done[run.capture]) for run in runs if run.case is case]) for case in cases
    ]
    report = RepeatReport(environment_of(list(done.values())), tuple(results))
    text = json_report.repeat_json(report)
    json_report.write_text(options.out / "repeat.json", text)
    emit_json(text, options)
    screen.show_repeat(report)
    return report.exit_code()


def _result(case: Case, runs: Sequence[tuple[Run, Outcome]]) -> RepeatResult:
    seconds = sum(outcome.seconds for _, outcome in runs if isinstance(outcome, Completed | Raised))
    for run, outcome in runs:
        if not isinstance(outcome, Completed):
            return _failure(case, run, outcome, len(runs), seconds)
    platform = next(outcome.environment.platform for _, outcome in runs if isinstance(outcome, Completed))
    try:
        distances = tuple(
            distance
            for (first, _), (second, _) in combinations(runs, 2)
            for distance in _distances(first, second)
        )
    except HarnessError as error:
        return RepeatResult(case.id, platform, len(runs), None, (), str(error), seconds)
    deterministic = all(distance.identical for distance in distances)
    return RepeatResult(case.id, platform, len(runs), deterministic, distances, "", seconds)


def _distances(first: Run, second: Run) -> list[Distance]:
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


def _failure(case: Case, run: Run, outcome: Outcome, count: int, seconds: float) -> RepeatResult:
    match outcome:
        case Unavailable():
            return RepeatResult(case.id, None, count, None, (), outcome.reason, seconds, skipped=True)
        case Raised():
            log = tuple(outcome.traceback.splitlines()[-12:])
            reason = f"run {run.number} raised {outcome.message}"
            return RepeatResult(
                case.id, outcome.environment.platform, count, None, (), reason, seconds, log=log
            )
        case Lost():
            reason = f"run {run.number}: {outcome.reason}"
            return RepeatResult(case.id, None, count, None, (), reason, seconds, log=outcome.log)
        case Completed():
            raise AssertionError("a completed run is no failure")
