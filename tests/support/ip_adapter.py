"""A tiny IP-Adapter for builtin:sd-digits, in the layout of the published ones."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

_TEXT_WIDTH, _PICTURE_WIDTH, _TOKENS = 48, 16, 4
"""The widths of the text embeddings of sd-digits and of picture embeddings, and the tokens of a picture."""


def write_ip_adapter(folder: Path, widths: tuple[int, ...], *, seed: int = 0) -> None:
    """`models/ip-adapter.safetensors` and `models/image_encoder` in `folder`; `widths` are those of the
    cross-attentions in the order in which diffusers lists them."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * 0.1

    tensors = {
        "image_proj.proj.weight": drawn(_TOKENS * _TEXT_WIDTH, _PICTURE_WIDTH),
        "image_proj.proj.bias": drawn(_TOKENS * _TEXT_WIDTH),
        "image_proj.norm.weight": torch.ones(_TEXT_WIDTH),
        "image_proj.norm.bias": torch.zeros(_TEXT_WIDTH),
    }
    for index, width in enumerate(widths):
        for name in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{2 * index + 1}.{name}.weight"] = drawn(width, _TEXT_WIDTH)
    (folder / "models").mkdir(parents=True)
    save_file(tensors, folder / "models" / "ip-adapter.safetensors")
    torch.manual_seed(seed)
    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        projection_dim=_PICTURE_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=16,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "models" / "image_encoder")


def cross_attention_widths(unet: torch.nn.Module) -> tuple[int, ...]:
    """The widths for `write_ip_adapter` of a UNet's cross-attentions."""
    layers = dict(unet.named_modules())
    names = [name.removesuffix(".processor") for name in unet.attn_processors]
    return tuple(layers[name].to_k.out_features for name in names if name.endswith("attn2"))
