"""IP-Adapters: images as prompts, loaded by the `load_ip_adapter` of any pipeline."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diffusers import DiffusionPipeline

from harness.core.case import IpAdapter
from harness.worker.model_files import additions
from harness.worker.model_files.additions import Files, Wanted
from harness.worker.rejection import Rejection

METHOD = "load_ip_adapter"
SOURCE = "pretrained_model_name_or_path_or_dict"

_ENCODER = "image_encoder_folder"
_ENCODER_APART = "image_encoder_pretrained_model_name_or_path"
"""The argument of Flux pipelines for the image encoder, a separate folder or hub id."""

_USUAL = "ip-adapter.safetensors"


def add(pipeline: DiffusionPipeline, adapters: Sequence[IpAdapter], base: Path) -> Files:
    """Load the `ip_adapters` of a config in the folder `base`, set their scales, and return the files read.

    Raises Rejection and ModelUnavailable.
    """
    if not hasattr(pipeline, METHOD):
        raise Rejection(
            "ip_adapters", type(pipeline).__name__, f"this pipeline has no {METHOD}; leave it out"
        )
    wanted = [
        Wanted(f"ip_adapters[{index}]", one.id, one.subfolder, one.weight_name, one.revision)
        for index, one in enumerate(adapters)
    ]
    keywords, files = _located(pipeline, wanted, base, adapters[0].image_encoder_folder, {})
    getattr(pipeline, METHOD)(**keywords)
    scales = [one.scale for one in adapters]
    pipeline.set_ip_adapter_scale(scales if len(scales) > 1 else scales[0])
    return files


def arguments(
    pipeline: DiffusionPipeline, key: str, given: Mapping[str, Any], base: Path
) -> tuple[dict[str, Any], Files]:
    """The arguments `given` at `key` for a call of METHOD, with the files located; and the files it will read.

    Raises Rejection and ModelUnavailable.
    """
    names = _listed(given.get("weight_name"))
    ids, subfolders = _listed(given.get(SOURCE)), _listed(given.get("subfolder"))
    count = max(len(names), len(ids))
    try:
        rows = zip(_spread(ids, count), _spread(subfolders, count), _spread(names, count), strict=True)
        wanted = [
            Wanted(f"{key}.{SOURCE}", str(one), str(subfolder or ""), name, given.get("revision"))
            for one, subfolder, name in rows
        ]
    except ValueError as error:
        message = "its length differs from weight_name or subfolder; give lists of equal length, or one value"
        raise Rejection(f"{key}.{SOURCE}", given.get(SOURCE), message) from error
    others = {
        name: value
        for name, value in given.items()
        if name not in (SOURCE, "subfolder", "weight_name", "revision", _ENCODER)
    }
    return _located(pipeline, wanted, base, given.get(_ENCODER, "image_encoder"), others)


def _located(
    pipeline: DiffusionPipeline,
    wanted: Sequence[Wanted],
    base: Path,
    encoder: str | None,
    others: Mapping[str, Any],
) -> tuple[dict[str, Any], Files]:
    """The arguments of METHOD for the located weights, and the files it will read."""
    found = [additions.find(one, base, _USUAL) for one in wanted]
    files = {name: file for one in found for name, file in one.files.items()}
    keywords: dict[str, Any] = {
        SOURCE: _one_or_all([str(one.folder) for one in found]),
        "subfolder": _one_or_all([one.subfolder for one in found]),
        "weight_name": _one_or_all([one.weight_name for one in found]),
        **others,
    }
    chosen, read = _encoder(pipeline, wanted[0], found[0].subfolder, base, encoder, others)
    return {**keywords, **chosen}, {**files, **read}


def _encoder(
    pipeline: DiffusionPipeline,
    wanted: Wanted,
    subfolder: str,
    base: Path,
    folder: str | None,
    others: Mapping[str, Any],
) -> tuple[dict[str, Any], Files]:
    """The argument that locates the image encoder if this pipeline has none yet, and the encoder's files."""
    takes = inspect.signature(getattr(pipeline, METHOD)).parameters
    name = _ENCODER_APART if _ENCODER_APART in takes else _ENCODER
    if name not in takes:
        return {}, {}
    if getattr(pipeline, "image_encoder", None) is not None or not hasattr(pipeline, "image_encoder"):
        return {name: None}, {}
    if name in others and others[name] != "image_encoder":
        return _encoder_apart(wanted, base, others)
    if folder is None or (name in others and others[name] is None):
        return {name: None}, {}
    # A name is a folder next to the weights, a path starts at the root.
    inside = folder if "/" in folder else "/".join(filter(None, (subfolder, folder)))
    place, files = additions.find_model(wanted, base, inside)
    # Only Stable Diffusion's IPAdapterMixin looks inside the adapter's own folder.
    within = name == _ENCODER and takes["subfolder"].default is inspect.Parameter.empty
    return {name: folder if within else str(place)}, files


def _encoder_apart(wanted: Wanted, base: Path, others: Mapping[str, Any]) -> tuple[dict[str, Any], Files]:
    key = wanted.key.removesuffix(SOURCE) + _ENCODER_APART
    given = others[_ENCODER_APART]
    if given is None:
        return {}, {}
    subfolder = str(others.get("image_encoder_subfolder") or "")
    place, files = additions.find_model(Wanted(key, str(given)), base, subfolder)
    return {_ENCODER_APART: str(place), "image_encoder_subfolder": ""}, files


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _spread(values: list[Any], count: int) -> list[Any]:
    return values * count if len(values) == 1 else values


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
