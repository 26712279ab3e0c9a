"""`harness explain`: run the cases, and report where each began to differ and what explains it."""

from __future__ import annotations

import argparse
from dataclasses import replace

from harness.core.results.explanation import Explanation
from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.explain.results import explanation_of
from harness.golden.store import GoldenStore
from harness.invocation.arguments import RUNNING, goldens, judges, replays
from harness.invocation.command import Command, options_of, writes
from harness.invocation.emit import emit_json
from harness.invocation.options import Options, VerifyOptions
from harness.invocation.publish import judged_here
from harness.judge.evidence import Evidence
from harness.report.alike import logged_once
from harness.report.explain_json import explain_json
from harness.report.json_report import write_text
from harness.report.terminal import Screen
from harness.trials.cases import cases_to_run
from harness.trials.session import Session, open_session
from harness.trials.verification import Verification, judge_all

EXPLANATION_NAME = "explain.json"

RUNS = "explain"
"""The folder of its own runs in the output folder: what verify judged stays there to be accepted."""


def explain(options: Options, how: VerifyOptions, screen: Screen, *, deep: bool) -> int:
    """Returns the same exit code as verify, since it judges exactly like verify, invariants included.

    A case that differs is run again under forced replay if its golden allows it; the replay decides no more than
    in verify. `deep` names the module in which the difference began, if it began in a network.
    """
    store = GoldenStore(options.goldens)
    cases = cases_to_run(options, screen, store)
    apart = replace(options, out=options.out / RUNS)
    found = Verification.of(cases, apart.out, how)
    with open_session(apart, screen, len(cases)) as session:
        explained = _explained(found, session, store)
    results = logged_once(judged_here(one.result, options) for one in explained)
    explanations = tuple(replace(one, result=result) for one, result in zip(explained, results, strict=True))
    report = Report(found.environment, results, command="explain", started=found.started)
    text = explain_json(report, explanations)
    write_text(options.out / EXPLANATION_NAME, text)
    emit_json(text, options)
    screen.show_explanations(explanations, deep=deep)
    return report.exit_code(allow_missing=how.allow_missing, strict=how.strict)


def _explained(found: Verification, session: Session, store: GoldenStore) -> list[Explanation]:
    """The explanations of all cases, in the order of the configs."""
    explanations = dict[str, Explanation]()

    def settle(evidence: Evidence, result: CaseResult) -> CaseResult:
        explanations[result.case] = explanation_of(evidence, result)
        return explanations[result.case].result

    judge_all(found, session, store, settle=settle, curious=_differs)
    return [replace(explanations[trial.case.id], result=found.judged(trial)) for trial in found.trials]


def _differs(result: CaseResult) -> bool:
    return result.verdict is not Verdict.IDENTICAL or bool(result.exact_findings)


def _own_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--deep", action="store_true", help="look into the network in which it began, and name the module"
    )


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    how = VerifyOptions(arguments.relation, forced=arguments.forced)
    return explain(options_of(arguments), how, screen, deep=arguments.deep)


COMMAND = Command(_run, (*RUNNING, goldens, judges, replays, _own_options), writes)
