from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.worker.perturb.site import NotApplicable
from tests.worker.perturb.planting import ddim, images, planted, stable_diffusion


@pytest.fixture(scope="module")
def right() -> Any:
    return images(ddim())


@pytest.mark.parametrize(
    ("name", "strength", "formula"),
    [
        ("rounded", None, lambda x: np.rint(x * 255) / 255),
        ("not_denormalized", None, lambda x: np.clip((x - 0.5) * 2, 0, 1)),
        ("transposed", None, lambda x: np.transpose(x, (0, 2, 1, 3))),
        ("gamma", 0.5, lambda x: np.power(x, 1.5)),
        ("shifted", 0.25, lambda x: x + 0.25),
    ],
)
def test_arrays(right: Any, name: str, strength: float | None, formula: Any) -> None:
    with planted(ddim(), f"post_processing.{name}", strength) as perturbed:
        found = images(ddim())
        assert perturbed.acted == 1
    assert found.dtype == right.dtype
    assert found.shape == right.shape
    np.testing.assert_allclose(found, formula(right.astype(np.float64)), atol=1e-6)
    assert not np.array_equal(found, right)


def test_tensors_and_pictures_have_their_channels_elsewhere() -> None:
    pipeline = stable_diffusion()
    call = {"prompt": "seven", "guidance_scale": 1.0}
    array, tensor, picture = (images(pipeline, output_type=kind, **call) for kind in ("np", "pt", "pil"))
    with planted(pipeline, "post_processing.channels_swapped"):
        np.testing.assert_array_equal(images(pipeline, output_type="np", **call), array[..., ::-1])
        assert images(pipeline, output_type="pt", **call).equal(tensor.flip(1))
        [swapped] = images(pipeline, output_type="pil", **call)
    np.testing.assert_array_equal(np.asarray(swapped), np.asarray(picture[0])[..., ::-1])


def test_one_channel_cannot_be_swapped() -> None:
    with (
        pytest.raises(NotApplicable, match="one channel"),
        planted(ddim(), "post_processing.channels_swapped"),
    ):
        images(ddim())


def test_latents_are_not_post_processed() -> None:
    pipeline = stable_diffusion()
    with pytest.raises(NotApplicable, match="latents"), planted(pipeline, "post_processing.rounded"):
        images(pipeline, prompt="seven", output_type="latent")


def test_not_clamped_lets_through_what_the_processor_cuts() -> None:
    import torch

    pipeline = stable_diffusion()
    processor = pipeline.image_processor
    values = torch.tensor([-3.0, 0.0, 3.0]).reshape(1, 1, 1, 3)
    with planted(pipeline, "post_processing.not_clamped") as perturbed:
        assert processor.denormalize(values).flatten().tolist() == [-1.0, 0.5, 2.0]
        assert perturbed.acted == 1
        assert values.clamp(0, 1).flatten().tolist() == [0.0, 0.0, 1.0]
    assert processor.denormalize(values).flatten().tolist() == [0.0, 0.5, 1.0]
