"""`harness verify`: run the cases, judge each against its golden, report."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.core.results.verdict import Report
from harness.errors import HarnessError
from harness.explain.results import with_divergence
from harness.golden.store import GoldenStore
from harness.invocation.arguments import RUNNING, goldens, judges, replays
from harness.invocation.command import Command, options_of, writes
from harness.invocation.emit import emit
from harness.invocation.options import Options, VerifyOptions
from harness.report import json_report, junit
from harness.report.harmless import harmless_json
from harness.report.terminal import Screen
from harness.trials.captures import REPORT_NAME
from harness.trials.cases import cases_to_run
from harness.trials.session import open_session
from harness.trials.verification import Verification, judge_all


def verify(options: Options, how: VerifyOptions, screen: Screen) -> int:
    """Returns the exit code of the report.

    If it ends early, for whatever reason, it reports what was judged so far, as unfinished.
    """
    store = GoldenStore(options.goldens)
    cases = cases_to_run(options, screen, store)
    found = Verification.of(cases, options.out, how)
    # Before the first capture is removed: the report of an earlier verify would describe captures that are gone.
    json_report.write_text(options.out / REPORT_NAME, json_report.verify_json(found.unfinished()))
    try:
        with open_session(options, screen, len(cases)) as session:
            judge_all(found, session, store, settle=with_divergence)
        report = found.report()
    except BaseException:
        _save_unfinished(found.unfinished(), options, how, screen)
        raise
    try:
        save_report(report, options, how)
    finally:  # a full disk must not hide the verdicts
        screen.show_verify(report, allow_missing=how.allow_missing, strict=how.strict)
    return report.exit_code(allow_missing=how.allow_missing, strict=how.strict)


def save_report(report: Report, options: Options, how: VerifyOptions) -> None:
    """Write report.json to the output folder, and the files that the options name."""
    text = json_report.verify_json(report)
    documents: list[tuple[str | Path, str]] = [(options.out / REPORT_NAME, text)]
    if options.json is not None:
        documents.append((options.json, harmless_json(text)))
    if options.junit is not None:
        xml = junit.junit_xml(report, allow_missing=how.allow_missing, strict=how.strict)
        documents.append((options.junit, xml))
    emit(*documents)


def _save_unfinished(report: Report, options: Options, how: VerifyOptions, screen: Screen) -> None:
    """Report what was judged before an exception ended the verify; never raises another one in its place."""
    try:
        save_report(report, options, how)
    except (HarnessError, OSError) as error:
        screen.warn(f"the report of what was judged could not be written: {error}")
        return
    done, path = len(report.cases), options.out / REPORT_NAME
    screen.warn(f"not finished: {done} of {done + len(report.not_run)} cases were judged, see {path}")


def _passes(command: argparse.ArgumentParser) -> None:
    command.add_argument("--allow-missing", action="store_true", help="a case without a golden passes")
    command.add_argument("--strict", action="store_true", help="a skipped case fails")


def _junit(command: argparse.ArgumentParser) -> None:
    command.add_argument("--junit", type=Path, metavar="FILE", help="write the verdicts as JUnit XML")


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    how = VerifyOptions(arguments.relation, arguments.allow_missing, arguments.strict, arguments.forced)
    return verify(options_of(arguments), how, screen)


COMMAND = Command(_run, (*RUNNING, goldens, judges, _passes, replays, _junit), writes)
