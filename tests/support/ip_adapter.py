"""A tiny IP-Adapter and a tiny LoRA for builtin:sd-digits, in the layouts of the published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from harness import zoo

_PICTURE_WIDTH, _TOKENS = 16, 4
"""The width of picture embeddings, and the tokens that stand for one picture."""


def write_ip_adapter(folder: Path) -> None:
    """`models/ip-adapter.safetensors` and `models/image_encoder` in `folder`."""
    drawn = _Drawn()
    layers = _layers("attn2.to_k.weight")
    text_width = layers[0][1][1]
    tensors = {
        "image_proj.proj.weight": drawn(_TOKENS * text_width, _PICTURE_WIDTH),
        "image_proj.proj.bias": drawn(_TOKENS * text_width),
        "image_proj.norm.weight": np.ones(text_width, np.float32),
        "image_proj.norm.bias": np.zeros(text_width, np.float32),
    }
    for index, (_, shape) in enumerate(layers):
        for name in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{2 * index + 1}.{name}.weight"] = drawn(*shape)
    (folder / "models").mkdir(parents=True)
    save_file(tensors, folder / "models" / "ip-adapter.safetensors")
    _write_image_encoder(folder / "models" / "image_encoder")


def write_lora(path: Path, *, seed: int = 0) -> None:
    """A LoRA of rank 2 for the queries of the UNet's self-attentions."""
    drawn = _Drawn(seed)
    tensors = {}
    for name, (outputs, inputs) in _layers("attn1.to_q.weight"):
        layer = f"unet.{name.removesuffix('.weight')}"
        tensors |= {f"{layer}.lora_A.weight": drawn(2, inputs), f"{layer}.lora_B.weight": drawn(outputs, 2)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


class _Drawn:
    def __init__(self, seed: int = 0) -> None:
        self._generator = np.random.default_rng(seed)

    def __call__(self, *shape: int) -> np.ndarray:
        return (self._generator.standard_normal(shape) * 0.1).astype(np.float32)


def _layers(suffix: str) -> list[tuple[str, tuple[int, ...]]]:
    """The names and shapes of the UNet's weights that end in `suffix`."""
    with safe_open(
        zoo.model_dir("sd-digits") / "unet/diffusion_pytorch_model.safetensors", framework="numpy"
    ) as file:
        names = sorted(file.keys())
        return [(name, tuple(file.get_slice(name).get_shape())) for name in names if name.endswith(suffix)]


def _write_image_encoder(folder: Path) -> None:
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        projection_dim=_PICTURE_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=16,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
