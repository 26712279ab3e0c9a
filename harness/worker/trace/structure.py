"""Describe the structure of a pipeline: its configs, and the attributes of every module."""

from __future__ import annotations

import inspect
import math
from collections.abc import Hashable, Mapping
from enum import Enum
from typing import Any

import torch
from diffusers import DiffusionPipeline

from harness.core.trace import ComponentStructure, ModuleAttributes, Structure
from harness.worker.trace.targets import targets

_NOT_THE_MODEL = frozenset(
    {
        "_class_name",
        "_commit_hash",
        "_diffusers_version",
        "_name_or_path",
        "_use_default_values",
        "architectures",
        "dtype",
        "is_local",
        "local_files_only",
        "name_or_path",
        "tokenizer_file",
        "torch_dtype",
        "transformers_version",
        "vocab_file",
        "merges_file",
    }
)
"""Entries of a config that name its origin, which is compared elsewhere."""

_LONGEST = 16  # items of a sequence; longer ones (a vocabulary, a table of betas) are not attributes

_DEEPEST = 3


def structure_of(pipeline: DiffusionPipeline) -> Structure:
    """The structure of every component and processor of the pipeline, in JSON's own types."""
    numbered = _Numbered()
    components = {}
    for target in targets(pipeline):
        owner = target.owner
        modules = dict(owner.named_modules()) if isinstance(owner, torch.nn.Module) else {}
        components[target.name] = ComponentStructure(
            qualified_name(type(owner)),
            _config(owner),
            {path: numbered.number(module) for path, module in modules.items()},
            tuple(path for path, module in modules.items() if module.training),
        )
    return Structure(components, tuple(numbered.attributes))


class _Numbered:
    """The distinct attributes of modules; most modules equal others, which is checked before they are read."""

    def __init__(self) -> None:
        self.attributes: list[ModuleAttributes] = []
        self._alike: dict[Hashable, int] = {}
        self._equal: dict[str, int] = {}

    def number(self, module: torch.nn.Module) -> int:
        """The index in `attributes` of the module's attributes."""
        own = [(name, value) for name, value in vars(module).items() if name[0] != "_" and value is not None]
        # including types, since True equals 1 and 1.0
        key = type(module), tuple(own), tuple(type(value) for _, value in own)
        try:
            known = self._alike.get(key)
        except TypeError:  # a list, or another object that cannot be a key
            return self._read(module)
        if known is None:
            known = self._alike[key] = self._read(module)
        return known

    def _read(self, module: torch.nn.Module) -> int:
        found = _attributes(module)
        number = self._equal.setdefault(repr((found.values, found.kinds)), len(self.attributes))
        if number == len(self.attributes):
            self.attributes.append(found)
        return number


def qualified_name(kind: type) -> str:
    """`diffusers.schedulers.scheduling_ddim.DDIMScheduler`."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _config(owner: Any) -> Mapping[str, object]:
    config = getattr(owner, "config", None) or getattr(owner, "init_kwargs", None)
    if config is not None and not isinstance(config, Mapping) and hasattr(config, "to_dict"):
        config = config.to_dict()
    if not isinstance(config, Mapping):
        return {}
    return {
        str(key): plain
        for key, value in config.items()
        if key not in _NOT_THE_MODEL and not str(key).startswith("_")
        for plain in [_plain(value)]
        if plain is not _UNKNOWN
    }


def _attributes(module: torch.nn.Module) -> ModuleAttributes:
    values: dict[str, object] = {}
    kinds = {"class": type(module).__qualname__}
    for name, value in vars(module).items():
        if name[0] == "_" or name in _NOT_THE_MODEL or name == "training" or value is None:
            continue
        plain = _plain(value)
        if plain is not _UNKNOWN:
            values[name] = plain
        elif inspect.isfunction(value) or inspect.isbuiltin(value):
            values[name] = f"{value.__module__}.{value.__qualname__}"
        elif name == "processor":
            kinds[name] = type(value).__qualname__
    implementation = getattr(vars(module).get("config"), "_attn_implementation", None)
    if isinstance(implementation, str):
        kinds["attention"] = implementation
    return ModuleAttributes(values, kinds)


_UNKNOWN = object()


def _plain(value: Any, depth: int = 0) -> object:
    """The value in JSON's own types; _UNKNOWN for what has no such form or is too long."""
    if isinstance(value, Enum):
        return _plain(value.value, depth)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, torch.dtype):
        return str(value)
    if depth >= _DEEPEST:
        return _UNKNOWN
    if isinstance(value, list | tuple) and len(value) <= _LONGEST:
        items = [_plain(item, depth + 1) for item in value]
        return _UNKNOWN if _UNKNOWN in items else items
    if isinstance(value, Mapping) and len(value) <= _LONGEST:
        entries = {str(key): _plain(item, depth + 1) for key, item in value.items()}
        return _UNKNOWN if _UNKNOWN in entries.values() else entries
    return _UNKNOWN
