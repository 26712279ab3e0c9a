"""`harness verify`: run the cases, judge each against its golden, report."""

from __future__ import annotations

from harness.core.verdict import CaseResult, Report
from harness.golden.store import GoldenStore
from harness.report import json_report, junit
from harness.report.terminal import Screen
from harness.run.agenda import Run
from harness.verify.judge import judge
from harness.workflow.cases import (
    REPORT_NAME,
    capture_path,
    cases_to_run,
    environment_of,
    recorded_cases,
    run_all,
)
from harness.workflow.emit import emit_json
from harness.workflow.options import Options, VerifyOptions


def verify(options: Options, how: VerifyOptions, screen: Screen) -> int:
    """Returns the exit code of the report."""
    cases = cases_to_run(options, screen, recorded_cases(GoldenStore(options.goldens)))
    report = _judge_all([Run(case, capture_path(options.out, case)) for case in cases], options, how, screen)
    save_report(report, options, how)
    screen.show_verify(report, allow_missing=how.allow_missing, strict=how.strict)
    return report.exit_code(allow_missing=how.allow_missing, strict=how.strict)


def _judge_all(runs: list[Run], options: Options, how: VerifyOptions, screen: Screen) -> Report:
    store = GoldenStore(options.goldens)
    outcomes, results = [], dict[str, CaseResult]()
    for run, outcome in run_all(runs, options, screen):
        outcomes.append(outcome)
        results[run.case.id] = judge(run.case, outcome, store, relation=how.relation)
    # Outcomes arrive as they end; the report keeps the order of the configs.
    return Report(environment_of(outcomes), tuple(results[run.case.id] for run in runs))


def save_report(report: Report, options: Options, how: VerifyOptions) -> None:
    """Write report.json into the output folder, and the files that the options name."""
    text = json_report.verify_json(report)
    json_report.write_text(options.out / REPORT_NAME, text)
    emit_json(text, options)
    if options.junit is not None:
        xml = junit.junit_xml(report, allow_missing=how.allow_missing, strict=how.strict)
        json_report.write_text(options.junit, xml)
