"""Weights in several files: whether each shard holds the tensors that the index assigns to it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from harness.core.text import NotText, conflict_in, decoded

_OF_DIFFUSERS = "diffusion_pytorch_model"
_NAMED = 3


class BadIndex(ValueError):
    """An index of shards that cannot be used; the message follows the file's name."""


def weight_map(index: Path) -> Mapping[str, str]:
    """The shard of each tensor, by name, from the `index` next to the shards; raises BadIndex."""
    content = index.read_bytes()
    try:
        found = json.loads(decoded(content))["weight_map"]
    except NotText as error:
        raise BadIndex(f"is {error}") from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        marker = conflict_in(content)
        raise BadIndex(
            f"{marker}" if marker else "is not an index of shards (no readable `weight_map`)"
        ) from error
    if content.startswith(b"\xef\xbb\xbf"):
        raise BadIndex("begins with a byte order mark, which the libraries do not read; save it without one")
    if not isinstance(found, dict) or not all(isinstance(shard, str) for shard in found.values()):
        raise BadIndex("is not an index of shards (`weight_map` must give each tensor the name of a file)")
    return found


def misplaced(index: Path) -> Iterator[str]:
    """The problems of the shards next to the `index`, in sentences that begin with the file's name.

    Reads only their headers. Missing and damaged shards are skipped. Tensors that the index does not name, and a
    few that a shard of transformers lacks, are not a problem: converters drop tied tensors but leave them in the
    index.
    """
    try:
        wanted = weight_map(index)
    except BadIndex as error:
        yield f"{index.name} {error}"
        return
    for shard in sorted(set(wanted.values())):
        own = {name for name, place in wanted.items() if place == shard}
        held = _names_in(index.with_name(shard))
        if held is not None:
            yield from _about(shard, own, held, wanted)


def _about(shard: str, own: set[str], held: set[str], wanted: Mapping[str, str]) -> Iterator[str]:
    foreign = {name for name in held - own if name in wanted}
    lacking = own - held
    others = ", ".join(sorted({wanted[name] for name in foreign}))
    lacks = (
        f"lacks {len(lacking)} of the {len(own)} tensors that its index assigns to it ({_listed(lacking)})"
    )
    holds = f"holds tensors of {others} ({_listed(foreign)})"
    if foreign:
        yield f"{shard} {holds}" + (f" and {lacks}" if lacking else "")
    elif lacking and (shard.startswith(_OF_DIFFUSERS) or 2 * len(lacking) > len(own)):
        yield f"{shard} {lacks}"


def _names_in(path: Path) -> set[str] | None:
    """The tensors that the header of a safetensors file names; None if it cannot be read."""
    try:
        with safe_open(path, framework="numpy") as file:
            return set(file.keys())
    except (OSError, SafetensorError):
        return None


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown
