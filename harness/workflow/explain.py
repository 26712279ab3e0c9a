"""`harness explain`: run cases, and say of each where its difference began and what explains it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from harness.core.verdict import CaseResult, Report, Verdict
from harness.golden.store import GoldenStore
from harness.report.alike import logged_once
from harness.report.terminal import Screen
from harness.run.agenda import Run
from harness.verify.forced import replayable
from harness.verify.judge import judge
from harness.workflow.cases import (
    FORCED_NAME,
    capture_path,
    cases_to_run,
    environment_of,
    run_all,
)
from harness.workflow.explained import explanation_of
from harness.workflow.options import Options, VerifyOptions
from harness.workflow.verify import replayed, save_report


def explain(options: Options, how: VerifyOptions, screen: Screen, *, deep: bool) -> int:
    """Returns the exit code that verify would have.

    A case that differs is run again under forced replay where its golden allows; with `deep`, the modules of
    the network in which it began are named.
    """
    store = GoldenStore(options.goldens)
    started, cases = datetime.now(UTC), cases_to_run(options, screen, store)
    runs = [Run(case, capture_path(options.out, case)) for case in cases]
    outcomes, results = [], dict[str, CaseResult]()
    with screen.watch(len(cases)) as progress:
        for run, outcome in run_all(runs, options, progress):
            outcomes.append(outcome)
            result = results[run.case.id] = judge(run.case, outcome, store, relation=how.relation)
            progress.concluded(run.case.id, result.verdict, result.seconds)
        again = [case for case in cases if _differs(results[case.id]) and replayable(results[case.id])]
        results |= dict(replayed(again, results, options, progress))
    explanations = tuple(
        explanation_of(
            case,
            results[case.id],
            capture_path(options.out, case),
            capture_path(options.out, case, FORCED_NAME) if case in again else None,
        )
        for case in cases
    )
    results_told = logged_once(one.result for one in explanations)
    explanations = tuple(
        replace(one, result=result) for one, result in zip(explanations, results_told, strict=True)
    )
    report = Report(environment_of(outcomes), results_told, command="explain", started=started)
    save_report(report, options, how)
    screen.show_explanations(explanations, deep=deep)
    return report.exit_code(allow_missing=how.allow_missing, strict=how.strict)


def _differs(result: CaseResult) -> bool:
    return result.verdict is not Verdict.IDENTICAL or bool(result.exact_findings)
