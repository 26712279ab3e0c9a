"""Steps and a strength of which the pipeline would run none: a problem of the config, found before any run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.load import check_calls, load_cases
from harness.errors import ConfigError

HUB = "org/name"
DDIM = "\nscheduler: {class: DDIMScheduler}"


def complaints(
    tmp_path: Path, pipeline: str, keys: str, call: str = "", model: str = "builtin:sd-digits"
) -> list[str]:
    from harness.config.pipelines.signatures import CALL, Signature, installed_class, signature

    found = installed_class(pipeline)
    assert found is not None
    takes = signature(found, CALL)
    assert isinstance(takes, Signature)
    required = ", ".join(f"{name}: 1" for name in takes.required)
    text = f"pipeline: {pipeline}\nmodel: {{id: '{model}'}}\n{keys}\n"
    (tmp_path / "a.yaml").write_text(text + f"call: {{{', '.join(filter(None, [required, call]))}}}\n")
    try:
        check_calls(load_cases(tmp_path).cases)
    except ConfigError as error:
        return [str(problem).removeprefix(f"{tmp_path}/") for problem in error.problems]
    return []


def test_the_problem_names_both_and_what_is_accepted(tmp_path: Path) -> None:
    assert complaints(
        tmp_path, "StableDiffusionImg2ImgPipeline", "steps: 1", "prompt: a, image: 1, strength: 0.5"
    ) == [
        "a.yaml: call.strength = 0.5: StableDiffusionImg2ImgPipeline runs none of its 1 steps at strength 0.5; "
        "accepted: `steps: 2` or more, or a greater strength"
    ]
    assert complaints(tmp_path, "StableDiffusionImg2ImgPipeline", "steps: 1", "prompt: a, image: 1") == [
        "a.yaml: steps = 1: StableDiffusionImg2ImgPipeline runs none of its 1 steps at strength 0.8, its default; "
        "accepted: `steps: 2` or more, or a greater strength"
    ]


@pytest.mark.parametrize(
    ("pipeline", "keys", "call"),
    [
        # Rounded down: 3 x 0.3 is no whole step, and 100 x 0.29 are 28, not 29.
        ("StableDiffusionXLImg2ImgPipeline", f"steps: 3{DDIM}", "strength: 0.3"),
        ("StableDiffusionInpaintPipeline", "steps: 4", "strength: 0.2"),
        ("KandinskyV22Img2ImgPipeline", f"steps: 2{DDIM}", "strength: 0.4"),
        ("IFImg2ImgPipeline", "steps: 1", "strength: 0.9"),
        ("CogVideoXVideoToVideoPipeline", "steps: 1", "strength: 0.9"),
        ("AnimateDiffVideoToVideoPipeline", "steps: 1", "strength: 0.9"),
        ("FluxImg2ImgPipeline", "steps: 4", "strength: 0"),
        ("LTXConditionPipeline", f"steps: 2{DDIM}", "denoise_strength: 0.4"),
        (
            "StableDiffusionImg2ImgPipeline",
            "steps: 3\nscheduler: {class: HeunDiscreteScheduler}",
            "strength: 0.1",
        ),
    ],
)
def test_each_pipelines_own_arithmetic_finds_none(
    tmp_path: Path, pipeline: str, keys: str, call: str
) -> None:
    [told] = [one for one in complaints(tmp_path, pipeline, keys, call) if "runs none of its" in one]
    assert f"{pipeline} runs none of its" in told


@pytest.mark.parametrize(
    ("pipeline", "keys", "call", "model"),
    [
        ("StableDiffusionImg2ImgPipeline", "steps: 2", "strength: 0.5", "builtin:sd-digits"),
        # Rounded up: a part of a step is a step.
        ("FluxImg2ImgPipeline", "steps: 1", "strength: 0.01", HUB),
        ("StableDiffusion3Img2ImgPipeline", "steps: 4", "strength: 0.1", HUB),
        # PNDM has a timestep more than steps; it may be the scheduler of a model that is elsewhere.
        (
            "StableDiffusionImg2ImgPipeline",
            "steps: 4\nscheduler: {class: PNDMScheduler}",
            "strength: 0.2",
            HUB,
        ),
        ("StableDiffusionImg2ImgPipeline", "steps: 4", "strength: 0.2", HUB),
        # Other arguments decide the steps.
        ("StableDiffusionXLImg2ImgPipeline", "steps: 4", "strength: 0.1, denoising_start: 0.5", HUB),
        ("StableDiffusionImg2ImgPipeline", "steps: 1", "strength: 0.5, timesteps: [900, 500, 1]", HUB),
        ("AnimateDiffVideoToVideoPipeline", "steps: 1", "strength: 0.5, enforce_inference_steps: true", HUB),
        # No such arithmetic.
        ("LatentConsistencyModelImg2ImgPipeline", "steps: 1", "strength: 0.5", HUB),
        ("AmusedImg2ImgPipeline", "steps: 1", "strength: 0.5", HUB),
        ("StableDiffusionPipeline", "steps: 1", "", HUB),
    ],
)
def test_what_leaves_a_step_is_no_problem(
    tmp_path: Path, pipeline: str, keys: str, call: str, model: str
) -> None:
    assert [one for one in complaints(tmp_path, pipeline, keys, call, model) if "runs none" in one] == []


def test_a_pipeline_of_ones_own_inherits_the_arithmetic(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from diffusers import StableDiffusionImg2ImgPipeline\n\n"
        "class Mine(StableDiffusionImg2ImgPipeline):\n    pass\n"
    )
    keys = "pipeline: ./mine.py:Mine\nmodel: {id: 'builtin:sd-digits'}\nsteps: 1\n"
    (tmp_path / "a.yaml").write_text(keys + "call: {prompt: a, image: 1, strength: 0.5}\n")
    with pytest.raises(ConfigError, match=r"Mine runs none of its 1 steps at strength 0\.5"):
        check_calls(load_cases(tmp_path).cases)


def test_no_shipped_case_is_refused(repo_root: Path) -> None:
    check_calls(load_cases(repo_root / "configs").cases)
