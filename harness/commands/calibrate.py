"""`harness calibrate`: run cases under benign variations, and derive their limits from the noise."""

from __future__ import annotations

import argparse

from harness.core.capture import Outcome
from harness.core.measured.calibration import (
    CalibrationReport,
)
from harness.golden.store import GoldenStore
from harness.invocation.arguments import RUNNING, goldens
from harness.invocation.command import Command, options_of, writes
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.measure.calibration import conduct_variations, result_of, subjects_of
from harness.report.alike import logged_once
from harness.report.json_report import write_text
from harness.report.terminal import Screen
from harness.report.views.measure.calibrate import calibrate_json
from harness.trials.captures import environment_of
from harness.trials.cases import cases_to_run
from harness.trials.session import open_session


def calibrate(options: Options, screen: Screen) -> int:
    """Returns the exit code of the report."""
    store = GoldenStore(options.goldens)
    cases = cases_to_run(options, screen, store)
    with open_session(options, screen, len(cases)) as session:
        subjects, results = subjects_of(cases, store, session)
        for failed in results.values():
            session.progress.concluded(failed.case, failed.state, failed.seconds)
        for subject in conduct_variations(subjects, session):
            result = results[subject.case.id] = result_of(subject)
            session.progress.concluded(result.case, result.state, result.seconds)
    outcomes: list[Outcome] = [subject.outcome for subject in subjects]
    report = CalibrationReport(environment_of(outcomes), logged_once(results[case.id] for case in cases))
    text = calibrate_json(report)
    write_text(options.out / "calibrate.json", text)
    emit_json(text, options)
    screen.show_calibrations(report)
    return report.exit_code()


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return calibrate(options_of(arguments), screen)


COMMAND = Command(_run, (*RUNNING, goldens), writes)
