"""Which objects of a pipeline get listeners, and for which methods."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from diffusers import ConfigMixin, DiffusionPipeline

_FRAMEWORKS = ("torch", "builtins", "abc", "typing", "huggingface_hub", "peft", "accelerate")

_BASES = (
    "diffusers.configuration_utils",
    "diffusers.loaders",
    "diffusers.models.modeling_utils",
    "diffusers.models.attention",
    "diffusers.models.cache_utils",
    "diffusers.schedulers.scheduling_utils",
    "diffusers.utils",
    "transformers",
)
"""Modules whose base classes only do housekeeping; their methods compute nothing of the image."""

_MODELS_OF_TRANSFORMERS = "transformers.models."

_TOKENIZER_METHODS = ("encode", "encode_plus", "batch_encode_plus", "apply_chat_template")


@dataclass(frozen=True, slots=True)
class Target:
    """One object to listen to, with the pipeline's name for it and the methods that matter."""

    name: str
    owner: object
    methods: tuple[str, ...]


def targets(pipeline: DiffusionPipeline) -> Iterator[Target]:
    """Every component of the pipeline and of the pipelines inside it, and its image and video processors.

    An object with two names is included once, under the first.
    """
    seen: set[int] = set()
    for name, owner in _owners(pipeline, ""):
        if id(owner) not in seen:
            seen.add(id(owner))
            if methods := tuple(_methods(owner)):
                yield Target(name, owner, methods)


def _owners(pipeline: DiffusionPipeline, prefix: str) -> Iterator[tuple[str, object]]:
    for name, part in pipeline.components.items():
        several = part if isinstance(part, list | tuple) else None
        for number, one in enumerate(several or ()):
            yield f"{prefix}{name}.{number}", one
        if part is not None and several is None:
            yield f"{prefix}{name}", part
    for name, part in vars(pipeline).items():
        if isinstance(part, DiffusionPipeline):
            yield from _owners(part, f"{prefix}{name}.")
        elif isinstance(part, ConfigMixin | torch.nn.Module):
            yield f"{prefix}{name}", part


def _methods(owner: object) -> Iterator[str]:
    """The public methods that the owner's class and its library's base classes define, including `__call__`."""
    if not hasattr(owner, "__dict__") or isinstance(owner, DiffusionPipeline | type | types.FunctionType):
        return
    found = dict.fromkeys(
        name
        for base in type(owner).__mro__
        if not _is_housekeeping(base)
        for name, member in vars(base).items()
        if isinstance(member, types.FunctionType) and not name.startswith("_")
    )
    if isinstance(owner, torch.nn.Module):
        found.setdefault("forward")
        if callable(getattr(owner, "generate", None)):
            found.setdefault("generate")
    elif callable(owner):
        yield "__call__"
        if type(owner).__module__.startswith("transformers."):
            found = dict.fromkeys(name for name in _TOKENIZER_METHODS if hasattr(owner, name))
    yield from found


def _is_housekeeping(base: type) -> bool:
    module = base.__module__
    if module.startswith(_MODELS_OF_TRANSFORMERS):
        return False
    return module.partition(".")[0] in _FRAMEWORKS or any(
        module == one or module.startswith(f"{one}.") for one in _BASES
    )
