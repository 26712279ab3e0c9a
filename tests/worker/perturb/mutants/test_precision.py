from __future__ import annotations

import torch

from tests.worker.perturb.planting import ddim, planted, stable_diffusion

SAMPLE = torch.linspace(2, -2, 256).reshape(1, 1, 16, 16)


def test_one_weight_is_rounded_to_seven_bits() -> None:
    unet = ddim().unet
    before = {name: value.detach().clone() for name, value in unet.named_parameters()}
    with planted(ddim(), "precision.weight_bf16"):
        now = {name: value.detach().clone() for name, value in unet.named_parameters()}
    [name] = [name for name in before if not torch.equal(before[name], now[name])]
    # A bfloat16 is the upper half of a float32.
    assert not (now[name].view(torch.int32) & 0xFFFF).any()
    torch.testing.assert_close(now[name], before[name], rtol=2.0**-8, atol=0)
    assert all(torch.equal(before[name], value) for name, value in unet.named_parameters())


def test_latents_are_rounded_before_the_denoiser() -> None:
    with torch.no_grad():
        expected = ddim().unet(SAMPLE.half().float(), 500).sample
    with planted(ddim(), "precision.latents_fp16") as perturbed:
        assert torch.equal(ddim().unet(SAMPLE, 500).sample, expected)
        assert perturbed.acted == 1


def test_time_embedding_is_rounded() -> None:
    [times] = [one for one in ddim().unet.modules() if "flip_sin_to_cos" in vars(one)]
    right = times(torch.tensor([7.0]))
    with planted(ddim(), "precision.time_embedding_fp16"):
        assert torch.equal(times(torch.tensor([7.0])), right.half().float())


def test_schedule_is_made_of_rounded_betas_or_is_rounded() -> None:
    right = torch.linspace(1e-4, 0.02, 1000).half().double()
    with planted(ddim(), "precision.schedule_fp16"):
        found = ddim().scheduler.alphas_cumprod.double()
    torch.testing.assert_close(found, torch.cumprod(1 - right, 0), rtol=1e-4, atol=0)
    euler = stable_diffusion("euler")
    with planted(euler, "precision.schedule_fp16"):
        euler.scheduler.set_timesteps(4)
        assert torch.equal(euler.scheduler.sigmas, euler.scheduler.sigmas.half().float())


def test_blocks_attention_and_vae_move_little_and_come_back() -> None:
    latents = torch.linspace(-1, 1, 256).reshape(1, 4, 8, 8)
    pipeline = stable_diffusion()
    with torch.no_grad():
        right, picture = ddim().unet(SAMPLE, 500).sample, pipeline.vae.decode(latents).sample
    for name in ("block_bf16", "attention_bf16"):
        with planted(ddim(), f"precision.{name}"):
            found = ddim().unet(SAMPLE, 500).sample
        assert 1e-6 < float((found - right).norm() / right.norm()) < 1e-2, name
    with planted(pipeline, "precision.vae_fp16"):
        found = pipeline.vae.decode(latents).sample
    assert 1e-5 < float((found - picture).norm() / picture.norm()) < 1e-2
    with torch.no_grad():
        assert torch.equal(pipeline.vae.decode(latents).sample, picture)
