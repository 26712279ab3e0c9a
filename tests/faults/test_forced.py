"""Forced replay judges goldens of one kind of processor on another one, chaotic pipelines included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.faults.rig import OLD_PROCESSOR, copy_configs
from tests.support.project import Project

SHIPPED = ("ddim/fifty-steps@seed=0", "sd/ddim-latents", "sd/image", "unclip/digits")
CHAOTIC = "chaotic"

CONFIG = """\
pipeline: DDIMPipeline
model: {id: ../model}
steps: 50
seed: 0
call: {output_type: np}
trace: full
determinism: {portable: false}
"""

PASSING = {"identical", "within"}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """The cases of a report: recorded with this processor's own kernels, replayed with those of an old one."""
    folder = tmp_path_factory.mktemp("forced")
    copy_configs(folder)
    for path in (folder / "configs").rglob("*.yaml"):
        # Twenty steps show what fifty do, since each is fed the golden's tensors; only chaos takes its time.
        text = path.read_text().replace("\nsteps: 50\n", "\nsteps: 20\n")
        # A portable run has the same kernels everywhere.
        if "\ndeterminism:" not in text:
            path.write_text(f"{text.rstrip()}\ndeterminism: {{portable: false}}\n")
    project = Project(folder)
    project.config(CHAOTIC, CONFIG)
    _save_random_weights(folder / "model")
    cases = [*SHIPPED, CHAOTIC]
    ran = project.harness("verify", *cases, "--allow-missing", "--device", "cpu", "--quiet")
    assert ran.code == 0, ran.out + ran.err
    assert project.harness("accept", *cases).code == 0
    report = folder / "forced.json"
    project.with_variables(**OLD_PROCESSOR).harness(
        "verify", "--forced", *cases, "--device", "cpu", "--relation", "same-hardware", "--json", str(report)
    )
    return {case["case"]: case for case in json.loads(report.read_text())["cases"]}


def _save_random_weights(folder: Path) -> None:
    """A DDIM with random weights, whose guess of the picture is clipped in nearly every pixel and step."""
    from diffusers import DDIMPipeline, DDIMScheduler

    from tests.support.tiny.unets import unconditioned

    unet = unconditioned()
    scheduler = DDIMScheduler(clip_sample=True)
    DDIMPipeline(unet, scheduler).save_pretrained(folder, safe_serialization=True)


@pytest.mark.parametrize("case", [*SHIPPED, CHAOTIC])
def test_every_boundary_is_within_its_limit(case: str, replayed: Mapping[str, Any]) -> None:
    boundaries = replayed[case]["boundaries"]
    calls = [one for one in boundaries if one["event"] in {"unet.forward", "decoder.forward"}]
    assert len(calls) >= 10
    assert {one["verdict"] for one in boundaries} <= PASSING
    assert any(one["rel_l2"] for one in calls), "the kernels were the same, so nothing was shown"


def test_the_plain_comparison_of_the_chaotic_case_is_far_off(replayed: Mapping[str, Any]) -> None:
    (images,) = replayed[CHAOTIC]["tensors"]
    assert images["metrics"]["rel_l2"] > 1e-3
