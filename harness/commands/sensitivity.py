"""`harness sensitivity`: plant every fault in a case, and show which ones its limits catch."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from harness.core.measured.sensitivity import (
    SensitivityReport,
)
from harness.golden.store import GoldenStore
from harness.invocation.arguments import RUNNING, goldens
from harness.invocation.command import Command, Hold, options_of
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.invocation.selection import selected_cases
from harness.measure.mutation import conduct_mutants, result_of, subjects_of
from harness.measure.stored_mutation import stored_results
from harness.report.alike import logged_once
from harness.report.json_report import write_text
from harness.report.terminal import Screen
from harness.report.views.measure.sensitivity import sensitivity_json
from harness.trials.captures import environment_of
from harness.trials.cases import cases_to_run
from harness.trials.session import open_session


def sensitivity(options: Options, screen: Screen, *, ladder: bool = True) -> int:
    """Returns the exit code of the report; without `ladder` each fault is planted at one strength only."""
    store = GoldenStore(options.goldens)
    cases = cases_to_run(options, screen, store)
    with open_session(options, screen, len(cases)) as session:
        subjects, results, outcomes = subjects_of(cases, store, session)
        for failed in results.values():
            session.progress.concluded(failed.case, failed.state, failed.seconds)
        for subject in conduct_mutants(subjects, session, ladder=ladder):
            result = results[subject.case.id] = result_of(subject, store)
            session.progress.concluded(result.case, result.state, result.seconds)
    report = SensitivityReport(environment_of(outcomes), logged_once(results[case.id] for case in cases))
    text = sensitivity_json(report)
    write_text(options.out / "sensitivity.json", text)
    emit_json(text, options)
    screen.show_sensitivity(report)
    return report.exit_code()


def stored_sensitivity(options: Options, screen: Screen) -> int:
    """Judge the stored results of the cases that state a `min_sensitivity`; returns the exit code.

    A result is not valid if it was measured with other limits than today's, for another golden or definition, or
    with other faults than there are now. That is an `error`, like a missing golden, so that loosened limits never
    pass unnoticed.
    """
    store = GoldenStore(options.goldens)
    cases = [case for case in selected_cases(options, screen) if case.min_sensitivity is not None]
    report = SensitivityReport(
        None, tuple(result for case in cases for result in stored_results(case, store))
    )
    text = sensitivity_json(report)
    # Not into the file of the last real run, which alone holds the ladder.
    write_text(options.out / "sensitivity-stored.json", text)
    emit_json(text, options)
    screen.show_sensitivity(report)
    return report.exit_code()


def _own_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--no-ladder",
        action="store_true",
        help="plant each fault at one strength only; do not search for the smallest one that is caught",
    )
    command.add_argument(
        "--stored",
        action="store_true",
        help="run nothing; judge the results stored next to the goldens, if they still fit the limits",
    )


def _misuse(arguments: argparse.Namespace) -> Iterator[str]:
    if not arguments.stored:
        return
    given = {"--device": arguments.device, "--jobs": arguments.jobs, "--no-ladder": arguments.no_ladder}
    if ignored := [option for option, value in given.items() if value]:
        yield f"--stored runs nothing; leave out {', '.join(ignored)}"


def _holds(arguments: argparse.Namespace) -> Hold:
    return Hold.NOTHING if arguments.stored else Hold.WRITING


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    if arguments.stored:
        return stored_sensitivity(options_of(arguments), screen)
    return sensitivity(options_of(arguments), screen, ladder=not arguments.no_ladder)


COMMAND = Command(_run, (*RUNNING, goldens, _own_options), _holds, _misuse)
