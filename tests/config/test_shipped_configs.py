"""The configs that ship: they load without a problem, hand over what their pipelines take, and cover the guide."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.load import LoadedConfigs, check_calls, load_cases
from harness.core.case import GeneratorKind
from harness.core.tolerance import Rule

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def loaded() -> LoadedConfigs:
    return load_cases(CONFIGS)


def test_what_ships_gives_no_warning(loaded: LoadedConfigs) -> None:
    assert loaded.warnings == ()


def test_every_pipeline_takes_what_its_cases_hand_over(loaded: LoadedConfigs) -> None:
    check_calls(loaded.cases)


def test_what_needs_the_hub_is_tagged_and_judged_without_a_golden(loaded: LoadedConfigs) -> None:
    hub = {case.id for case in loaded.cases if not case.model.id.startswith("builtin:")}
    assert hub == {case.id for case in loaded.cases if "hub" in case.tags}
    assert hub == {"hub/ddpm-cifar10", "hub/karlo", "hub/stable-diffusion-v1-5"}
    assert all(case.golden_optional for case in loaded.cases if case.id in hub)


def test_every_use_of_the_reproducibility_guide_is_there(loaded: LoadedConfigs) -> None:
    cases = {case.id: case for case in loaded.cases}
    assert cases["ddim/unseeded"].generator is GeneratorKind.NONE
    assert cases["ddim/cpu-generator"].generator is GeneratorKind.CPU
    assert cases["ddim/device-generator"].generator is GeneratorKind.DEVICE
    assert cases["ddim/deterministic-algorithms"].determinism.algorithms
    latents = cases["sd/ddim-latents"]
    assert (latents.steps, latents.call["output_type"]) == (50, "latent")
    assert latents.scheduler is not None
    assert latents.scheduler.class_name == "DDIMScheduler"
    assert latents.tolerance.same is Rule.EXACT
    assert cases["unclip/digits"].tolerance.cross_hardware is Rule.REFUSE


def test_each_config_opens_with_what_it_is_for() -> None:
    assert [path for path in CONFIGS.rglob("*.yaml") if not path.read_text().startswith("# ")] == []
