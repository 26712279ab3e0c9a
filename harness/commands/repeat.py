"""`harness repeat`: N runs of each case, how far apart they are, and which switch of torch makes them differ."""

from __future__ import annotations

import argparse

from harness.core.flags import Flags
from harness.core.results.recording import RepeatReport
from harness.invocation.arguments import RUNNING, at_least
from harness.invocation.command import Command, options_of, writes
from harness.invocation.emit import emit_json
from harness.invocation.options import Options, RepeatOptions
from harness.measure.repeatability import conduct_groups, group_of, result_of, with_apart, with_trials
from harness.report import json_report
from harness.report.alike import logged_once
from harness.report.terminal import Screen
from harness.report.wording import repeat_verdict
from harness.trials.captures import environment_of
from harness.trials.cases import cases_to_run
from harness.trials.session import open_session


def repeat(options: Options, how: RepeatOptions, screen: Screen) -> int:
    """Returns 0 if every case is deterministic, 1 if runs differ, 3 if a run failed."""
    cases = cases_to_run(options, screen)
    groups = [group_of(case, flags, how, options.out) for case in cases for flags in how.flags]
    with open_session(options, screen, len(cases)) as session:
        for group in conduct_groups(groups, session):
            if group.flags is how.flags[-1]:
                result = result_of(group)
                session.progress.concluded(result.case, repeat_verdict(result), result.seconds)
        results = with_trials(groups, [result_of(group) for group in groups], how, session)
    results_with_distances = logged_once(with_apart(groups, results))
    environment = environment_of(outcome for group in groups for outcome in group.outcomes)
    report = RepeatReport(environment, results_with_distances)
    text = json_report.repeat_json(report)
    json_report.write_text(options.out / "repeat.json", text)
    emit_json(text, options)
    screen.show_repeat(report)
    return report.exit_code()


def _own_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--runs", type=at_least(2), default=3, metavar="N", help="how many runs (default 3)")
    command.add_argument(
        "--reuse", action="store_true", help="add the same number of runs in one worker, and compare all"
    )
    command.add_argument(
        "--flags",
        choices=["on", "off", "both"],
        default="on",
        help="run with the case's deterministic switches (on), without any (off), or both ways (default on)",
    )


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    flags = tuple(Flags) if arguments.flags == "both" else (Flags(arguments.flags),)
    return repeat(options_of(arguments), RepeatOptions(arguments.runs, arguments.reuse, flags), screen)


COMMAND = Command(_run, (*RUNNING, _own_options), writes)
