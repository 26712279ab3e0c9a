from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from harness.worker.perturb.site import NotApplicable
from tests.worker.perturb.planting import PROMPT, ddim, images, planted, stable_diffusion


def latents(prompt: str = PROMPT, scale: float = 5.0, **call: Any) -> Any:
    return images(stable_diffusion(), prompt=prompt, guidance_scale=scale, output_type="latent", **call)


def faulty(name: str, strength: float | None = None, **call: Any) -> Any:
    with planted(stable_diffusion(), f"guidance.{name}", strength) as perturbed:
        found = latents(**call)
        assert perturbed.acted
    return found


def near(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_scale() -> None:
    assert torch.equal(faulty("scale", 0.2), latents(scale=6.0))


def test_late_scale_from_the_first_of_one_step() -> None:
    call = {"num_inference_steps": 1}
    near(faulty("late_scale", 0.2, **call), latents(scale=6.0, **call))


def test_late_scale_leaves_the_first_half_alone() -> None:
    seen: list[torch.Tensor] = []

    def keep(_pipeline: object, step: int, _time: object, given: dict[str, Any]) -> dict[str, Any]:
        seen.append(given["latents"]) if step == 0 else None
        return given

    right, late = latents(callback_on_step_end=keep), faulty("late_scale", 0.2, callback_on_step_end=keep)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(right, late)


def test_swapped_is_the_negative_prompt_as_the_prompt() -> None:
    near(faulty("swapped", negative_prompt="a zero"), latents("a zero", negative_prompt=PROMPT))


def test_off_once_in_one_step_is_no_guidance() -> None:
    call = {"num_inference_steps": 1}
    near(faulty("off_once", **call), latents(scale=1.0, **call))


def test_rescaled_is_the_pipelines_own_option() -> None:
    near(faulty("rescaled", 0.5), latents(guidance_rescale=0.5))


@pytest.mark.parametrize("name", ["scale", "late_scale", "swapped", "rescaled", "off_once"])
def test_without_guidance_nothing_is_done(name: str) -> None:
    right = latents(scale=1.0)
    with planted(stable_diffusion(), f"guidance.{name}") as perturbed:
        assert np.array_equal(latents(scale=1.0), right)
        assert perturbed.acted == 0


def test_a_pipeline_without_guidance_has_no_place() -> None:
    with pytest.raises(NotApplicable, match="no guidance scale"), planted(ddim(), "guidance.swapped"):
        pass
