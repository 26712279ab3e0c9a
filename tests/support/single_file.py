"""A Stable Diffusion folder as one .safetensors file, with the names of the original (latent diffusion) code."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

_RESNET = {
    "norm1.": "in_layers.0.",
    "conv1.": "in_layers.2.",
    "time_emb_proj.": "emb_layers.1.",
    "norm2.": "out_layers.0.",
    "conv2.": "out_layers.3.",
    "conv_shortcut.": "skip_connection.",
}
_UNET = {
    "conv_in.": "input_blocks.0.0.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "mid_block.resnets.0.": "middle_block.0.",
    "mid_block.attentions.0.": "middle_block.1.",
    "mid_block.resnets.1.": "middle_block.2.",
}
_VAE = {
    "conv_norm_out.": "norm_out.",
    "conv_shortcut.": "nin_shortcut.",
    "mid_block.resnets.0.": "mid.block_1.",
    "mid_block.resnets.1.": "mid.block_2.",
    "mid_block.attentions.0.": "mid.attn_1.",
    "group_norm.": "norm.",
    "to_q.": "q.",
    "to_k.": "k.",
    "to_v.": "v.",
    "to_out.0.": "proj_out.",
}


def write_single_file(folder: Path, path: Path) -> None:
    """Write the UNet, VAE and CLIP text encoder of the Stable Diffusion model in `folder` to `path`."""
    unet = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    vae = load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")
    text = load_file(folder / "text_encoder" / "model.safetensors")
    levels = 1 + max(int(found[1]) for name in vae if (found := re.search(r"up_blocks\.(\d+)", name)))
    save_file(
        {f"model.diffusion_model.{_unet_name(name, unet)}": value for name, value in unet.items()}
        | {f"first_stage_model.{_vae_name(name, levels)}": _as_convolution(name, vae[name]) for name in vae}
        | {f"cond_stage_model.transformer.{name}": value for name, value in text.items()},
        path,
    )


def _unet_name(name: str, unet: dict[str, np.ndarray]) -> str:
    layers = 1 + max(
        int(found[1]) for key in unet if (found := re.match(r"down_blocks\.0\.resnets\.(\d+)", key))
    )
    for ours, theirs in _UNET.items():
        if name.startswith(ours):
            return theirs + _inside_resnet(name.removeprefix(ours), "resnets" in ours)
    found = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", name)
    assert found, name
    side, block, kind, layer, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    if kind == "downsamplers":
        return f"input_blocks.{(block + 1) * (layers + 1)}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":
        attention = any(key.startswith(f"up_blocks.{block}.attentions.") for key in unet)
        return f"output_blocks.{block * (layers + 1) + layers}.{2 if attention else 1}.{rest}"
    number = block * (layers + 1) + layer + (1 if side == "down" else 0)
    place = f"{'input' if side == 'down' else 'output'}_blocks.{number}.{0 if kind == 'resnets' else 1}"
    return f"{place}.{_inside_resnet(rest, kind == 'resnets')}"


def _inside_resnet(name: str, is_resnet: bool) -> str:
    return next(
        (new + name.removeprefix(old) for old, new in _RESNET.items() if is_resnet and name.startswith(old)),
        name,
    )


def _vae_name(name: str, levels: int) -> str:
    for ours, theirs in _VAE.items():
        name = name.replace(ours, theirs)
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0\.", r"down.\1.downsample.", name)
    name = re.sub(
        r"up_blocks\.(\d+)\.resnets\.", lambda found: f"up.{levels - 1 - int(found[1])}.block.", name
    )
    return re.sub(
        r"up_blocks\.(\d+)\.upsamplers\.0\.", lambda found: f"up.{levels - 1 - int(found[1])}.upsample.", name
    )


def _as_convolution(name: str, value: np.ndarray) -> np.ndarray:
    # The original's attention in the VAE is made of 1x1 convolutions.
    is_attention = "attentions" in name and name.endswith(".weight") and value.ndim == 2
    return np.ascontiguousarray(value[:, :, None, None]) if is_attention else value
