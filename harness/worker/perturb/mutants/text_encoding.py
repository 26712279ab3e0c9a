"""Faults between the prompt and the embeddings that the denoiser receives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from harness.worker.perturb.locate import (
    denoisers,
    input_of,
    is_floating,
    like,
    network,
    norms,
    rebound,
    required,
    text_encoders,
    tokenizers,
)
from harness.worker.perturb.site import Plant, Site
from harness.worker.trace.hooks import Call
from harness.worker.trace.tree import exchanged

_POOLED = ("pooler_output", "text_embeds")


def _token_dropped(site: Site) -> None:
    """Drop the last token before the end token; does nothing if the prompt has only one."""

    def drop(row: torch.Tensor, length: int) -> torch.Tensor:
        return torch.cat([row[: length - 2], row[length - 1 :], row[-1:]])

    _on_tokens(site, drop, least=3)


def _token_order(site: Site) -> None:
    def exchange(row: torch.Tensor, _length: int) -> torch.Tensor:
        return torch.cat([row[:1], row[2:3], row[1:2], row[3:]])

    _on_tokens(site, exchange, least=4)


def _mask_ignored(site: Site) -> None:
    def cover(name: str, value: Any) -> Any:
        if "attention_mask" not in name or not isinstance(value, torch.Tensor) or value.is_floating_point():
            return value
        site.act()
        return torch.ones_like(value)

    for part in site.networks():
        site.wrap(part, "forward", lambda call: rebound(call, cover))


def _final_norm_skipped(site: Site) -> None:
    for part in text_encoders(site):
        last = norms(network(part))[-1]
        site.wrap_module(last, lambda call: _skipped(site, call))


def _hidden_layer(site: Site) -> None:
    for part in text_encoders(site):
        lists = [one for one in network(part).modules() if isinstance(one, nn.ModuleList) and len(one) > 1]
        longest = max(required(lists, "the text encoder has no layers"), key=len)
        site.wrap_module(longest[-1], lambda call: _skipped(site, call))


def _pooled_projection_off(site: Site) -> None:
    """If the projection has another size than the embedding, the pooled output becomes zero."""

    def off(name: str, tensor: torch.Tensor) -> torch.Tensor | None:
        if name not in _POOLED:
            return None
        site.act()
        return torch.zeros_like(tensor)

    for part in text_encoders(site):
        projection = getattr(network(part), "text_projection", None)
        if isinstance(projection, nn.Linear) and projection.in_features == projection.out_features:
            site.wrap_module(projection, lambda call: _skipped(site, call))
        else:
            site.wrap(part, "forward", lambda call: exchanged("", call.proceed(), off))


def _position_off_by_one(site: Site) -> None:
    def next_one(call: Call) -> Any:
        owner: Any = call.owner
        (positions, *rest) = call.args
        call.args = ((positions + 1).clamp(max=owner.num_embeddings - 1), *rest)
        site.act()
        return call.proceed()

    found = [
        module
        for part in text_encoders(site)
        for path, module in network(part).named_modules()
        if isinstance(module, nn.Embedding) and "position" in path
    ]
    for module in required(found, "no text encoder has position embeddings"):
        site.wrap_module(module, next_one)


def _embeddings_scaled(site: Site) -> None:
    def larger(name: str, value: Any) -> Any:
        if name != "encoder_hidden_states" or not is_floating(value):
            return value
        site.act()
        return value * (1 + site.size)

    for part in denoisers(site):
        site.wrap(part, "forward", lambda call: rebound(call, larger))


INSIDE: Mapping[str, Plant] = {
    "text_encoding.token_dropped": _token_dropped,
    "text_encoding.token_order": _token_order,
    "text_encoding.final_norm_skipped": _final_norm_skipped,
    "text_encoding.hidden_layer": _hidden_layer,
    "text_encoding.pooled_projection_off": _pooled_projection_off,
    "text_encoding.position_off_by_one": _position_off_by_one,
}

BETWEEN: Mapping[str, Plant] = {
    "text_encoding.mask_ignored": _mask_ignored,
    "text_encoding.embeddings_scaled": _embeddings_scaled,
}


def _skipped(site: Site, call: Call) -> Any:
    """Return the module's input instead of its output."""
    result, given = call.proceed(), input_of(call)
    if given is None:
        return result
    site.act()
    return like(result, given)


def _on_tokens(site: Site, change: Callable[[torch.Tensor, int], torch.Tensor], least: int) -> None:
    """Change each row of ids with at least this many tokens, including the first and the last."""

    def listener(call: Call) -> Any:
        result = call.proceed()
        ids = result.get("input_ids") if hasattr(result, "get") else None
        if isinstance(ids, torch.Tensor) and ids.dim() == 2:
            masks = _lengths(call.owner, ids, result.get("attention_mask"))
            rows = [
                change(row, length) if length >= least else row
                for row, length in zip(ids, masks, strict=True)
            ]
            changed = torch.stack(rows)
            if not torch.equal(changed, ids):
                site.act()
                result["input_ids"] = changed
        return result

    for part in tokenizers(site):
        site.wrap(part, "__call__", listener)


def _lengths(tokenizer: Any, ids: torch.Tensor, mask: Any) -> list[int]:
    """The number of text tokens in each row, from the mask, or else from the padding."""
    pad = getattr(tokenizer, "pad_token_id", None)
    held = mask if isinstance(mask, torch.Tensor) else ids != pad
    return [int(count) for count in held.sum(dim=1)]
