from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.worker.perturb.site import NotApplicable
from tests.worker.perturb.planting import ddim, planted, stable_diffusion

LATENTS = torch.linspace(-1, 1, 512).reshape(1, 4, 8, 16)


def decoded(latents: torch.Tensor = LATENTS, **call: Any) -> torch.Tensor:
    with torch.no_grad():
        return stable_diffusion().vae.decode(latents, return_dict=False, **call)[0]


def faulty(name: str, strength: float | None = None) -> torch.Tensor:
    with planted(stable_diffusion(), f"decoding.{name}", strength) as perturbed:
        found = decoded()
        assert perturbed.acted == 1 or name == "upsample_mode"
    return found


def test_latents() -> None:
    torch.testing.assert_close(faulty("scaling_factor", 0.25), decoded(LATENTS * 0.8))
    assert torch.equal(faulty("shift", 0.5), decoded(LATENTS + 0.5))


def test_tile_seam() -> None:
    left, right = decoded(LATENTS[..., :8]), decoded(LATENTS[..., 8:])
    assert torch.equal(faulty("tile_seam"), torch.cat([left, right], dim=-1))


def test_post_quant_skipped() -> None:
    with torch.no_grad():
        expected = stable_diffusion().vae.decoder(LATENTS)
    assert torch.equal(faulty("post_quant_skipped"), expected)


def test_norm_skipped() -> None:
    decoder = stable_diffusion().vae.decoder
    held: list[torch.Tensor] = []
    hook = decoder.conv_norm_out.register_forward_pre_hook(lambda _module, args: held.append(args[0]))
    decoded()
    hook.remove()
    with torch.no_grad():
        expected = decoder.conv_out(decoder.conv_act(held[0]))
    assert torch.equal(faulty("norm_skipped"), expected)


def test_upsample_mode() -> None:
    right = decoded()
    assert float((faulty("upsample_mode") - right).norm() / right.norm()) > 1e-3
    assert torch.equal(decoded(), right)


def test_without_a_decoder_there_is_no_place() -> None:
    with pytest.raises(NotApplicable, match="decodes latents"), planted(ddim(), "decoding.shift"):
        pass
