"""`harness verify`: run the cases, judge each against its golden, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core.capture import Outcome
from harness.core.case import Case
from harness.core.trace import TraceLevel
from harness.core.verdict import CaseResult, Report
from harness.golden.store import GoldenStore
from harness.report import json_report, junit
from harness.report.terminal import Screen
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
from harness.workflow.emit import emit_json
from harness.workflow.explained import with_divergence
from harness.workflow.options import Options, VerifyOptions


def verify(options: Options, how: VerifyOptions, screen: Screen) -> int:
    """Returns the exit code of the report."""
    cases = cases_to_run(options, screen, GoldenStore(options.goldens))
    report = _judge_all([Run(case, capture_path(options.out, case)) for case in cases], options, how, screen)
    save_report(report, options, how)
    screen.show_verify(report, allow_missing=how.allow_missing, strict=how.strict)
    return report.exit_code(allow_missing=how.allow_missing, strict=how.strict)


def _judge_all(runs: list[Run], options: Options, how: VerifyOptions, screen: Screen) -> Report:
    store = GoldenStore(options.goldens)
    asked = invariants.variations([run.case for run in runs], options.out)
    outcomes, results = dict[Path, Outcome](), dict[str, CaseResult]()
    for run, outcome in run_all([*runs, *(one.run for one in asked if one.run)], options, screen):
        outcomes[run.capture] = outcome
        if run in runs:
            results[run.case.id] = judge(run.case, outcome, store, relation=how.relation)
    results |= replayed([run.case for run in runs if how.forced or run.case.forced], results, options, screen)
    # Outcomes arrive as they end; the report keeps the order of the configs.
    told = (with_divergence(run.case, results[run.case.id], run.capture) for run in runs)
    judged = (invariants.judged(result, asked, outcomes) for result in told)
    return Report(environment_of(list(outcomes.values())), tuple(judged))


def replayed(
    cases: Sequence[Case], results: Mapping[str, CaseResult], options: Options, screen: Screen
) -> Mapping[str, CaseResult]:
    """The results of these cases with a forced replay beside them."""
    judged = {case.id: cannot_replay(results[case.id]) for case in cases}
    runs = [
        Run(case, capture_path(options.out, case, FORCED_NAME), trace=TraceLevel.FULL, forced=Path(golden))
        for case in cases
        if replayable(results[case.id]) and (golden := results[case.id].golden)
    ]
    if runs:
        for run, outcome in run_all(runs, options, screen):
            judged[run.case.id] = judge_forced(run.case, results[run.case.id], outcome)
    return judged


def save_report(report: Report, options: Options, how: VerifyOptions) -> None:
    """Write report.json into the output folder, and the files that the options name."""
    text = json_report.verify_json(report)
    json_report.write_text(options.out / REPORT_NAME, text)
    emit_json(text, options)
    if options.junit is not None:
        xml = junit.junit_xml(report, allow_missing=how.allow_missing, strict=how.strict)
        json_report.write_text(options.junit, xml)
