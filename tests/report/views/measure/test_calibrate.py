from __future__ import annotations

import json
from dataclasses import replace

from harness.core.measured.calibration import (
    CalibrationReport,
    CalibrationResult,
    CalibrationState,
    Effect,
    LeftOut,
    VariedRun,
    Weakness,
)
from harness.core.results.next_step import harness_step
from harness.core.results.reasons import said
from harness.report.views.measure.calibrate import calibrate_json
from tests.report.screens import screen, shown
from tests.support.calibrations import a_calibration, evidence

CALIBRATED = CalibrationResult(
    "ddim/two",
    CalibrationState.CALIBRATED,
    (),
    12.3,
    "goldens/ddim/two/cpu-x86_64.calibration.json",
    a_calibration(gates=(Weakness("constant image", "it is black", "give another"),)),
    warnings=("the unvaried run differs",),
)
SKIPPED = CalibrationResult("unseeded", CalibrationState.SKIPPED, said("generator: none"), 0.0)
FAILED = CalibrationResult(
    "new",
    CalibrationState.ERROR,
    said("there is no golden"),
    0.0,
    next_steps=(harness_step("", "record", "new"),),
    log=("a line",),
)
REPORT = CalibrationReport(None, (CALIBRATED, SKIPPED, FAILED))


def test_the_whole_screen() -> None:
    assert shown(lambda screen: screen.show_calibrations(REPORT), width=100) == screen("""
        calibrated  ddim/two  (cpu-x86_64, 12.3 s)
          variation  runs   rel_l2  max_abs  one call  left out
          ─────────────────────────────────────────────────────
          ulp           1  1.0e-06  5.0e-07   6.6e-07     1.2 x
          mkl           1  8.0e-07  4.0e-07         -     0.8 x
          skipped: batch of 2 (the pipeline takes none)
          images: same-hardware max_abs 1.5e-06, rel_l2 3e-06; cross-hardware max_abs 5e-06, rel_l2 1e-05
            (extrapolated)
          limits are 3 x the largest of 2 runs; with each kind of variation left out in turn: 0 false alarms
          amplification 1.52: the error at the end over the worst error of a single call
          scheduler.step: ▁▃ rel_l2 1.0e-06 after the last step
          warning: constant image: it is black; give another
          warning: the unvaried run differs
          written to goldens/ddim/two/cpu-x86_64.calibration.json

        error  new
          there is no golden
            a line
          harness record new

        skipped
          unseeded: generator: none

        1 calibrated, 1 skipped, 1 error: 1 of 3 cases failed, 1 of them because the harness could not find
        out (exit code 3)
    """)


def test_quiet_leaves_what_failed() -> None:
    text = shown(lambda screen: screen.show_calibrations(REPORT), quiet=True)
    assert text.startswith("error  new\n")
    assert "ddim/two" not in text


def test_a_family_that_no_other_explains_and_a_metric_without_a_value() -> None:
    calibration = a_calibration(
        runs=(evidence("ulp", None),),
        left_out=(LeftOut("ulp", 2, 1, 2, None),),
        growth=(),
        amplification=None,
    )
    report = CalibrationReport(None, (replace(CALIBRATED, calibration=calibration),))
    text = shown(lambda screen: screen.show_calibrations(report), width=100)
    assert "undef." in text
    assert " inf\n" in text
    assert "3 false alarms (ulp: 1 at the outputs and 2 at boundaries)" in " ".join(text.split())
    assert "amplification" not in text


def test_a_failed_replay_is_reported() -> None:
    run = VariedRun("mkl", "MKL", Effect.COUNTED, "forced replay: killed", evidence("mkl", 1e-6).outputs)
    calibration = a_calibration(runs=(run,), left_out=(LeftOut("mkl", 1, 0, 0, 1.0),))
    report = CalibrationReport(None, (replace(CALIBRATED, calibration=calibration),))
    text = shown(lambda screen: screen.show_calibrations(report), width=100)
    assert "replay failed: MKL (forced replay: killed)" in text


def test_json_holds_the_evidence() -> None:
    document = json.loads(calibrate_json(REPORT))
    assert (document["schema"], document["summary"]) == (1, {"calibrated": 1, "skipped": 1, "error": 1})
    calibration = document["cases"][0]["calibration"]
    assert calibration["runs"][0]["outputs"][0]["metrics"]["rel_l2"] == 1e-6
    assert calibration["outputs"][0]["same_hardware"]["rel_l2"] == 3e-6
