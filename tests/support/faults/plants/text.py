"""Faults on the way from the prompt to its embeddings."""

from __future__ import annotations

from types import ModuleType
from typing import Any
from weakref import WeakSet

import torch

from tests.support.faults.plants.tools import (
    after_loading,
    before_first,
    changed,
    element_off,
    plants,
    replaced,
)


@plants("sd-token-dropped")
def token_dropped(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def __call__(self: Any, text: Any = None, *args: Any, **kwargs: Any) -> Any:
            if isinstance(text, str) and " " in text:
                text = changed(text, text.rpartition(" ")[0])
            return original(self, text, *args, **kwargs)

        return __call__

    replaced(module.CLIPTokenizer, "__call__", make)


@plants("sd-final-norm-skipped")
def final_norm_skipped(module: ModuleType) -> None:
    skipped = WeakSet[torch.nn.Module]()
    after_loading(module.CLIPTextModel, lambda model: skipped.add(model.final_layer_norm))

    def make(original: Any) -> Any:
        def forward(self: Any, hidden: torch.Tensor) -> torch.Tensor:
            found = original(self, hidden)
            return changed(found, hidden) if self in skipped else found

        return forward

    replaced(torch.nn.LayerNorm, "forward", make)


@plants("sd-text-softmax-scale")
def text_softmax_scale(module: ModuleType) -> None:
    def change(model: Any) -> None:
        attention = model.get_submodule("encoder.layers.0.self_attn")
        attention.scale = changed(attention.scale, attention.scale * 1.01)

    after_loading(module.CLIPTextModel, change)


@plants("sd-text-weight-loaded")
def text_weight_loaded(module: ModuleType) -> None:
    after_loading(module.CLIPTextModel, element_off("encoder.layers.1.mlp.fc1"))


@plants("sd-embedding-cut")
def embedding_cut(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def encode_prompt(self: Any, *args: Any, **kwargs: Any) -> Any:
            embeds, negative = original(self, *args, **kwargs)
            cut = embeds.clone()
            cut[:, -1] = 0
            return changed(embeds, cut), negative

        return encode_prompt

    replaced(module.StableDiffusionPipeline, "encode_prompt", make)


@plants("unclip-mask-ignored")
def mask_ignored(module: ModuleType) -> None:
    def make(original: Any) -> Any:
        def _encode_prompt(self: Any, *args: Any, **kwargs: Any) -> Any:
            embeds, states, mask = original(self, *args, **kwargs)
            return embeds, states, changed(mask, mask | True)

        return _encode_prompt

    replaced(module.UnCLIPPipeline, "_encode_prompt", make)


@plants("unclip-text-projection")
def text_projection(module: ModuleType) -> None:
    before_first(module.UnCLIPTextProjModel, "forward", element_off("clip_extra_context_tokens_proj"))
