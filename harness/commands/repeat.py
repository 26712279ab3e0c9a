"""`harness repeat`: N runs of each case, how far apart they are, and which switch of torch makes the difference."""

from __future__ import annotations

import argparse

from harness.core.results.recording import Flags, RepeatReport
from harness.invocation.arguments import RUNNING, at_least
from harness.invocation.command import Command, options_of, writes
from harness.invocation.emit import emit_json
from harness.invocation.options import Options, RepeatOptions
from harness.measure.repeatability import group_of, result_of, run_groups, with_apart, with_trials
from harness.report import json_report
from harness.report.alike import logged_once
from harness.report.terminal import Screen
from harness.report.wording import repeat_verdict
from harness.trials.conduct import cases_to_run, environment_of


def repeat(options: Options, how: RepeatOptions, screen: Screen) -> int:
    """Returns 0 when every case is deterministic, 1 when runs differ, 3 when a run failed."""
    cases = cases_to_run(options, screen)
    groups = [group_of(case, flags, how, options.out) for case in cases for flags in how.flags]
    with screen.watch(len(cases)) as progress:
        done = run_groups(groups, options, progress)
        results = [result_of(group, done) for group in groups]
        for group, result in zip(groups, results, strict=True):
            if group.flags is how.flags[-1]:
                progress.concluded(result.case, repeat_verdict(result), result.seconds)
        results = with_trials(groups, results, how, options, progress)
    told = logged_once(with_apart(groups, results))
    report = RepeatReport(environment_of(list(done.values())), told)
    text = json_report.repeat_json(report)
    json_report.write_text(options.out / "repeat.json", text)
    emit_json(text, options)
    screen.show_repeat(report)
    return report.exit_code()


def _own_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--runs", type=at_least(2), default=3, metavar="N", help="how many runs (default 3)")
    command.add_argument(
        "--reuse", action="store_true", help="as many runs again in one worker, compared with the others"
    )
    command.add_argument(
        "--flags",
        choices=["on", "off", "both"],
        default="on",
        help="run with the case's deterministic switches, without any, or both (default on)",
    )


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    flags = tuple(Flags) if arguments.flags == "both" else (Flags(arguments.flags),)
    return repeat(options_of(arguments), RepeatOptions(arguments.runs, arguments.reuse, flags), screen)


COMMAND = Command(_run, (*RUNNING, _own_options), writes)
