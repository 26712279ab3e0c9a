from __future__ import annotations

import json
from dataclasses import replace

from harness.core.measured.sensitivity import (
    Channel,
    Detection,
    MutantResult,
    MutantState,
    Score,
    SensitivityReport,
    SensitivityResult,
    SensitivityState,
    Smallest,
)
from harness.core.results.next_step import harness_step
from harness.core.results.reasons import said
from harness.core.tolerance import Relation
from harness.report.views.measure.sensitivity import sensitivity_json
from tests.report.screens import screen, shown

HARDWARE = Relation.SAME_HARDWARE


def sighting(channel: Channel, caught: bool, margin: float | None, at: str = "") -> Detection:
    return Detection(HARDWARE, channel, caught, margin, at)


FAULTS = (
    MutantResult(
        "guidance.scale",
        1e-3,
        MutantState.APPLIED,
        acted=1,
        sightings=(
            sighting(Channel.EXACT, False, None),
            sighting(Channel.FORCED, True, 483.0, "→ scheduler.step[1]"),
            sighting(Channel.OUTPUTS, True, 19.4, "images rel_l2"),
        ),
    ),
    MutantResult(
        "scheduler.one_step_fewer",
        None,
        MutantState.APPLIED,
        acted=1,
        sightings=(
            sighting(Channel.EXACT, True, None, "unet.forward.calls"),
            sighting(Channel.FORCED, True, None, "unet.forward[1]"),
            sighting(Channel.OUTPUTS, True, 2500.0, "images max_abs"),
        ),
    ),
    MutantResult(
        "denoiser.weight_element",
        0.01,
        MutantState.APPLIED,
        acted=1,
        sightings=(
            sighting(Channel.EXACT, False, None),
            sighting(Channel.FORCED, False, 0.05, "unet.forward[0]"),
            sighting(Channel.OUTPUTS, False, 0.25, "images rel_l2"),
        ),
    ),
    MutantResult("scheduler.clip_sample", None, MutantState.EQUIVALENT, acted=2),
    MutantResult("decoding.shift", 1e-2, MutantState.NOT_APPLICABLE, "no VAE"),
    MutantResult("decoding.tile_seam", None, MutantState.NOT_APPLICABLE, "no VAE"),
)
BY_CHANNEL = {Channel.EXACT: 1, Channel.FORCED: 2, Channel.OUTPUTS: 2}
BLUNT = SensitivityResult(
    "sd/image",
    SensitivityState.BLUNT,
    said("2 of 3 faults caught"),
    12.0,
    0.95,
    (Score(HARDWARE, 2, 3, 2 / 3, BY_CHANNEL),),
    FAULTS,
    (Smallest("guidance.scale", 1e-5, 1e-5, None),),
    next_steps=(harness_step("", "calibrate", "sd/image"),),
    platform="cpu-x86_64",
    path="goldens/sd/image/cpu-x86_64.sensitivity.json",
)
SKIPPED = SensitivityResult("hub/x", SensitivityState.SKIPPED, said("no such model"), 0.0)
FAILED = SensitivityResult(
    "new",
    SensitivityState.ERROR,
    said("the worker exited"),
    0.0,
    next_steps=(harness_step("", "calibrate", "new"),),
    log=("a line",),
)


def test_the_whole_screen() -> None:
    report = SensitivityReport(None, (BLUNT, SKIPPED, FAILED))
    assert shown(lambda screen: screen.show_sensitivity(report)) == screen("""
        blunt  sd/image  (cpu-x86_64, 12.0 s)
          2 of 3 faults caught
          harness calibrate sd/image
          fault                     strength   exact  forced  outputs
          ───────────────────────────────────────────────────────────
          guidance.scale               0.001       -   483 x   19.4 x
          scheduler.one_step_fewer         -  caught  caught   2500 x
          denoiser.weight_element       0.01       -  0.05 x   0.25 x

          smallest fault caught    any  forced  outputs
          ─────────────────────────────────────────────
          guidance.scale         1e-05   1e-05     none

          missed: denoiser.weight_element (one element of one weight is off, by 0.01):
            strongest effect on images rel_l2, 0.25 of the limit (outputs)
          equivalent (no bit of trace or output changed): scheduler.clip_sample
          not applicable (no VAE): decoding.shift, decoding.tile_seam

          relation       caught  of  share  exact  forced  outputs
          ────────────────────────────────────────────────────────
          same-hardware       2   3  66.7%      1       2        2

          kept in goldens/sd/image/cpu-x86_64.sensitivity.json

        error  new
          the worker exited
            a line
          harness calibrate new

        skipped
          hub/x: no such model

        1 blunt, 1 skipped, 1 error: 2 of 3 cases failed, 1 of them because the harness
        could not find out (exit code 3)
        """)


def test_quiet_leaves_out_what_is_sharp() -> None:
    sharp = replace(BLUNT, state=SensitivityState.SHARP, reasons=said(""), next_steps=())
    report = SensitivityReport(None, (sharp, SKIPPED))
    assert shown(lambda screen: screen.show_sensitivity(report), quiet=True) == screen("""
        1 sharp, 1 skipped: all pass (exit code 0)
        """)


def test_json_reports_every_detection() -> None:
    document = json.loads(sensitivity_json(SensitivityReport(None, (BLUNT, SKIPPED))))
    assert document["schema"] == 1
    assert document["summary"] == {"blunt": 1, "skipped": 1}
    [first, *_] = document["cases"][0]["faults"]
    assert first["sightings"][1] == {
        "relation": "same-hardware",
        "channel": "forced",
        "caught": True,
        "margin": 483.0,
        "at": "→ scheduler.step[1]",
    }
