"""Every tiny pipeline by name, and the folder from which one can be run."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from tests.support.tiny import families
from tests.support.tiny.entry import TinyPipeline

__all__ = ["TinyPipeline", "all_tiny", "build_folder", "tiny_named"]


@cache
def all_tiny() -> tuple[TinyPipeline, ...]:
    """Every tiny pipeline, family by family; raises ValueError when two share a name."""
    modules = [importlib.import_module(f"{families.__name__}.{info.name}") for info in _modules()]
    entries = tuple(entry for module in modules for entry in module.PIPELINES)
    names = [entry.name for entry in entries]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(doubled)}: more than one tiny pipeline of this name; keep one")
    return entries


def tiny_named(name: str) -> TinyPipeline:
    """The tiny pipeline of that name; raises KeyError."""
    return {entry.name: entry for entry in all_tiny()}[name]


def build_folder(entry: TinyPipeline, folder: Path) -> None:
    """Save the pipeline, with safetensors weights, and its input files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    entry.build().save_pretrained(folder, safe_serialization=True)
    entry.write_inputs(folder)


def _modules() -> list[pkgutil.ModuleInfo]:
    return sorted(pkgutil.iter_modules(families.__path__), key=lambda info: info.name)
