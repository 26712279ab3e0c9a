from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

from tests.worker.perturb.planting import ddim, planted

SAMPLE = torch.linspace(2, -2, 256).reshape(1, 1, 16, 16)


def predicted(timestep: int = 500) -> torch.Tensor:
    with torch.no_grad():
        return ddim().unet(SAMPLE, timestep).sample


def weights() -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in ddim().unet.named_parameters()}


def changed_weight(name: str, strength: float | None = None) -> tuple[str, torch.Tensor, torch.Tensor]:
    """The one weight that a fault changes: its name, as it is, and as it was; put back afterwards."""
    before = weights()
    with planted(ddim(), f"denoiser.{name}", strength):
        now = weights()
    assert all(torch.equal(before[key], value) for key, value in weights().items())
    [changed] = [key for key in before if not torch.equal(before[key], now[key])]
    return changed, now[changed], before[changed]


def test_weight_element() -> None:
    _, now, before = changed_weight("weight_element", 0.5)
    [place] = torch.nonzero(now != before).tolist()
    assert now[tuple(place)] == before[tuple(place)] * 1.5
    magnitudes = before.abs().flatten().sort().values
    assert magnitudes[(len(magnitudes) - 1) // 2] == before[tuple(place)].abs()


def test_weight_transposed() -> None:
    name, now, before = changed_weight("weight_transposed")
    assert before.shape[-2:] == (3, 3), name
    assert torch.equal(now, before.transpose(2, 3))


def test_bias_dropped() -> None:
    name, now, before = changed_weight("bias_dropped")
    assert name.endswith("bias")
    assert before.any()
    assert not now.any()


def test_norm_eps() -> None:
    norms = [one for one in ddim().unet.modules() if isinstance(one, torch.nn.GroupNorm)]
    before = [one.eps for one in norms]
    with planted(ddim(), "denoiser.norm_eps"):
        assert [one.eps for one in norms] == [eps / 10 for eps in before]
    with planted(ddim(), "denoiser.norm_eps_once") as perturbed:
        assert sum(one.eps != eps for one, eps in zip(norms, before, strict=True)) == perturbed.acted == 1
    assert [one.eps for one in norms] == before


def attended(change: Callable[..., Any]) -> torch.Tensor:
    """What the denoiser predicts with another attention function."""
    original = functional.scaled_dot_product_attention
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functional, "scaled_dot_product_attention", lambda *a, **k: change(original, *a, **k))
        return predicted()


def test_softmax_scale() -> None:
    def scaled(original: Callable[..., Any], query: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return original(query * 1.5, *args, **kwargs)

    expected = attended(scaled)
    with planted(ddim(), "denoiser.softmax_scale", 0.5) as perturbed:
        torch.testing.assert_close(predicted(), expected, rtol=1e-4, atol=1e-5)
        assert perturbed.acted == 4  # the UNet has four attentions
    assert not torch.allclose(predicted(), expected, rtol=1e-3, atol=1e-4)


def test_head_zeroed_in_the_first_attention_of_every_call() -> None:
    calls: list[int] = []

    def without(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        calls.append(found.shape[1])
        if len(calls) == 1:
            found = torch.cat([found[:, :1], torch.zeros_like(found[:, 1:2]), found[:, 2:]], dim=1)
        return found

    expected = attended(without)
    assert calls[0] > 1
    with planted(ddim(), "denoiser.head_zeroed"):
        assert torch.equal(predicted(), expected)
        assert torch.equal(predicted(), expected)


def test_time_embedding_flip() -> None:
    [times] = [one for one in ddim().unet.modules() if "flip_sin_to_cos" in vars(one)]
    right = times(torch.tensor([7.0]))
    with planted(ddim(), "denoiser.time_embedding_flip"):
        found = times(torch.tensor([7.0]))
    half = right.shape[-1] // 2
    assert torch.equal(found, torch.cat([right[:, half:], right[:, :half]], dim=-1))


def test_late_calls_spare_the_first() -> None:
    right = predicted()
    with planted(ddim(), "denoiser.late_calls", 0.5):
        assert torch.equal(predicted(), right)
        assert torch.equal(predicted(), right * 1.5)


def modules_changed(name: str, strength: float | None = None) -> list[tuple[str, torch.Tensor, torch.Tensor]]:
    """The modules whose output for an input that is right is another: path, output, and the right one."""
    unet, held = ddim().unet, dict[str, tuple[Any, Any, torch.Tensor]]()

    def keep(path: str) -> Callable[..., None]:
        def hook(_module: object, args: Any, kwargs: Any, out: torch.Tensor) -> None:
            held.setdefault(path, (args, kwargs, out))

        return hook

    modules = [(path, module) for path, module in unet.named_modules() if path]
    hooks = [module.register_forward_hook(keep(path), with_kwargs=True) for path, module in modules]
    predicted()
    for hook in hooks:
        hook.remove()
    found = []
    with planted(ddim(), f"denoiser.{name}", strength), torch.no_grad():
        for path, (args, kwargs, right) in held.items():
            out = unet.get_submodule(path)(*args, **kwargs)
            if isinstance(out, torch.Tensor) and not torch.equal(out, right):
                found.append((path, out, right))
    return found


def innermost(name: str, strength: float | None = None) -> tuple[str, torch.Tensor, torch.Tensor]:
    changed = modules_changed(name, strength)
    return max(changed, key=lambda one: one[0].count("."))


def test_norm_skipped() -> None:
    [(path, out, right)] = modules_changed("norm_skipped")
    assert path == "conv_norm_out"
    weight, bias = ddim().unet.conv_norm_out.weight, ddim().unet.conv_norm_out.bias
    groups = ddim().unet.conv_norm_out.num_groups
    again = functional.group_norm(out, groups, weight, bias, ddim().unet.conv_norm_out.eps)
    assert torch.equal(again, right)


def test_activation_swapped() -> None:
    values = torch.linspace(-3, 3, 7)
    modules = [one for one in ddim().unet.modules() if isinstance(one, torch.nn.SiLU)]
    with planted(ddim(), "denoiser.activation_swapped"):
        swapped = [one for one in modules if torch.equal(one(values), functional.gelu(values))]
    assert len(swapped) == 1


def test_residual_scaled() -> None:
    path, out, right = innermost("residual_scaled", 0.5)
    assert "resnets" in path
    assert torch.equal(out, right * 1.5)


def test_residual_dropped_and_skip_dropped_and_upsampling() -> None:
    right = predicted()
    for name in ("residual_dropped", "skip_dropped", "upsample_mode"):
        with planted(ddim(), f"denoiser.{name}") as perturbed:
            assert not torch.allclose(predicted(), right, rtol=1e-2, atol=1e-3), name
            assert perturbed.acted
        assert torch.equal(predicted(), right)
