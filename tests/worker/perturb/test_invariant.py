"""The variations of invariants do what they say, only where it means something, and leave nothing behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from harness.worker.perturb.site import NotApplicable
from tests.worker.perturb.planting import PROMPT, ddim, images, planted, stable_diffusion
from tests.worker.trace.runs import seeded

DRAWN = {"prompt": PROMPT, "guidance_scale": 7.5}


def test_of_a_batch_the_first_sample_is_kept_and_drawn_from_the_given_generator() -> None:
    alone = images(ddim())
    sizes: list[int] = []
    watching = ddim().unet.register_forward_hook(lambda _net, args, _out: sizes.append(len(args[0])))
    with planted(ddim(), "invariant.batch", 3.0) as perturbed:
        first = images(ddim())
    watching.remove()
    assert sizes == [3, 3]
    assert perturbed.acted == 1
    assert first.shape == alone.shape
    np.testing.assert_allclose(first, alone, atol=1e-4)


def test_a_batch_of_a_tuple() -> None:
    with planted(ddim(), "invariant.batch"):
        (first,) = ddim()(num_inference_steps=1, output_type="np", generator=seeded(), return_dict=False)
    assert first.shape[0] == 1


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ({"prompt": [PROMPT, "a one"]}, "batch itself"),
        ({"num_images_per_prompt": 2}, "batch itself"),
        ({"latents": torch.zeros(1, 4, 8, 8)}, "latents of one sample"),
        ({"generator": None}, "no generator"),
    ],
)
def test_where_a_batch_means_nothing(call: dict[str, Any], reason: str) -> None:
    with planted(stable_diffusion(), "invariant.batch"), pytest.raises(NotApplicable, match=reason):
        images(stable_diffusion(), **{"prompt": PROMPT, **call})


def test_the_global_generators_are_elsewhere() -> None:
    torch.manual_seed(0)
    with planted(ddim(), "invariant.generator_state"):
        state = torch.get_rng_state()
    torch.manual_seed(1)
    with planted(ddim(), "invariant.generator_state"):
        assert torch.equal(torch.get_rng_state(), state)


def test_what_was_saved_and_loaded_is_what_runs() -> None:
    before = images(ddim())
    with planted(ddim(), "invariant.save_load") as perturbed:
        # The weights in memory no longer matter.
        weight = ddim().unet.conv_in.weight
        held = weight.detach().clone()
        weight.zero_()
        after = images(ddim())
        weight.copy_(held)
    assert perturbed.acted == 1
    assert np.array_equal(before, after)


def test_sliced_attention_is_used_and_undone() -> None:
    pipeline = stable_diffusion()
    processors = {name: type(one) for name, one in pipeline.unet.attn_processors.items()}
    with planted(pipeline, "invariant.attention_slicing") as perturbed:
        assert {type(one).__name__ for one in pipeline.unet.attn_processors.values()} == {
            "SlicedAttnProcessor"
        }
    assert perturbed.acted
    assert {name: type(one) for name, one in pipeline.unet.attn_processors.items()} == processors


def test_attention_that_slicing_does_not_reach() -> None:
    with (
        pytest.raises(NotApplicable, match="changes no module"),
        planted(ddim(), "invariant.attention_slicing"),
    ):
        pass


def test_tiles_are_used_where_there_is_more_than_one_and_undone() -> None:
    pipeline = stable_diffusion()
    whole = images(pipeline, **DRAWN, height=64, width=64)
    with planted(pipeline, "invariant.vae_tiling") as perturbed:
        tiled = images(pipeline, **DRAWN, height=64, width=64)
    assert perturbed.acted == 1
    assert not np.array_equal(whole, tiled)
    assert np.array_equal(whole, images(pipeline, **DRAWN, height=64, width=64))


def test_a_picture_of_one_tile() -> None:
    with (
        planted(stable_diffusion(), "invariant.vae_tiling"),
        pytest.raises(NotApplicable, match="larger than"),
    ):
        images(stable_diffusion(), prompt=PROMPT)
    with pytest.raises(NotApplicable, match="no VAE"), planted(ddim(), "invariant.vae_tiling"):
        pass
