"""The gates of `harness record` on pipelines that really are bad judges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel

from harness.invocation.options import Options
from harness.measure.weak_cases import weaknesses
from harness.report.terminal import Screen
from harness.trials.session import open_session
from tests.golden.builders import a_case
from tests.support.project import Project

IDLE_PROMPT = """\
pipeline: StableDiffusionPipeline
model: {id: "builtin:sd-digits"}
scheduler: {class: DDIMScheduler}
steps: 2
seed: 0
call: {prompt: a handwritten seven, negative_prompt: blurry, guidance_scale: 1.0, output_type: np}
"""

CHAOS = """\
pipeline: DDIMPipeline
model: {id: ../model}
steps: 30
seed: 0
call: {output_type: np}
"""


def random_ddim(folder: Path) -> None:
    """A U-Net with random weights under a scheduler that clips: known to be chaotic."""
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=16,
        layers_per_block=1,
        block_out_channels=(32, 64),
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )
    DDIMPipeline(unet, DDIMScheduler(clip_sample=True)).save_pretrained(folder)


@pytest.fixture
def plain(tmp_path: Path) -> Project:
    """An empty project whose `record` runs the gates."""
    return Project(tmp_path, gates=True)


def warnings(project: Project) -> dict[str, list[str]]:
    return {case["case"]: case["warnings"] for case in project.report("record.json")["cases"]}


def test_growing_rounding_and_an_idle_prompt_are_told(plain: Project) -> None:
    random_ddim(plain.folder / "model")
    plain.config("chaos", CHAOS)
    plain.config("idle", IDLE_PROMPT)
    ran = plain.harness("record", "--device", "cpu")
    assert ran.code == 0, ran.out + ran.err
    told = warnings(plain)
    assert [warning.partition(":")[0] for warning in told["chaos"]] == ["amplification"]
    assert [words.partition(";")[0] for words in told["idle"]] == [
        "input without effect: call.negative_prompt was replaced and no bit of the outputs changed"
    ]
    assert "the error of one call is amplified" in ran.out
    left = {path.name for path in (plain.folder / "out/captures").rglob("*.safetensors")}
    assert left == {"run-1.safetensors", "run-2.safetensors"}

    quick = replace(plain, gates=False).harness("record", "idle", "--update", "--device", "cpu")
    assert quick.code == 0
    assert warnings(plain) == {"idle": []}


def test_what_differs_by_itself_is_not_tried(tmp_path: Path) -> None:
    """No run is started, so no capture is needed."""
    recorded = [(a_case(allow_nondeterministic=True), tmp_path / "gone.safetensors")]
    with open_session(Options(out=tmp_path), Screen(quiet=True), 1) as session:
        assert weaknesses(recorded, session) == {}
