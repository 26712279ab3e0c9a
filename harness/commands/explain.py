"""`harness explain`: run cases, and say of each where its difference began and what explains it."""

from __future__ import annotations

import argparse
from dataclasses import replace

from harness.commands.verify import Found, judge_all
from harness.core.results.explanation import Explanation
from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.explain.results import explanation_of
from harness.golden.store import GoldenStore
from harness.invocation.arguments import RUNNING, goldens, judges, replays
from harness.invocation.command import Command, options_of, writes
from harness.invocation.emit import emit_json
from harness.invocation.options import Options, VerifyOptions
from harness.judge.evidence import Evidence
from harness.measure.invariants import variations
from harness.report.alike import logged_once
from harness.report.explain_json import explain_json
from harness.report.json_report import write_text
from harness.report.progress import Progress
from harness.report.terminal import Screen
from harness.run.queue import Run
from harness.trials.conduct import capture_path, cases_to_run

EXPLANATION_NAME = "explain.json"


def explain(options: Options, how: VerifyOptions, screen: Screen, *, deep: bool) -> int:
    """Returns the exit code that verify has; the judgement is verify's own, invariants included.

    A case that differs is run again under forced replay where its golden allows, which decides no more than
    in verify; with `deep`, the modules of the network in which it began are named.
    """
    cases = cases_to_run(options, screen, GoldenStore(options.goldens))
    runs = tuple(Run(case, capture_path(options.out, case)) for case in cases)
    found = Found(runs, variations(cases, options.out), how)
    with screen.watch(len(cases)) as progress:
        told = _explained(found, options, progress)
    results = logged_once(one.result for one in told)
    explanations = tuple(replace(one, result=result) for one, result in zip(told, results, strict=True))
    report = Report(found.environment, results, command="explain", started=found.started)
    text = explain_json(report, explanations)
    write_text(options.out / EXPLANATION_NAME, text)
    emit_json(text, options)
    screen.show_explanations(explanations, deep=deep)
    return report.exit_code(allow_missing=how.allow_missing, strict=how.strict)


def _explained(found: Found, options: Options, progress: Progress) -> list[Explanation]:
    """The explanations of all cases, in the order of the configs."""
    told = dict[str, Explanation]()

    def settle(evidence: Evidence, result: CaseResult) -> CaseResult:
        told[result.case] = explanation_of(evidence, result)
        return told[result.case].result

    judge_all(found, options, progress, settle=settle, curious=_differs)
    return [replace(told[run.case.id], result=found.judged(run)) for run in found.runs]


def _differs(result: CaseResult) -> bool:
    return result.verdict is not Verdict.IDENTICAL or bool(result.exact_findings)


def _own_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--deep", action="store_true", help="look into the network it began in, and name the module"
    )


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    how = VerifyOptions(arguments.relation, forced=arguments.forced)
    return explain(options_of(arguments), how, screen, deep=arguments.deep)


COMMAND = Command(_run, (*RUNNING, goldens, judges, replays, _own_options), writes)
