"""Find the pipeline class that a case names: in diffusers, or in the user's own file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import diffusers
from diffusers import DiffusionPipeline

from harness.core.case import Case
from harness.worker.environment.startup import in_words, root_of
from harness.worker.rejection import Lacking, Rejection

OWN = "harness_community_"
"""Prefix of the module names that the user's own files get."""


def is_own(kind: type) -> bool:
    """Whether the class is in a file of the user that a case names as its pipeline."""
    return kind.__module__.startswith(OWN)


def pipeline_class(case: Case) -> type[DiffusionPipeline]:
    """The class for `pipeline: NAME`, `auto` or `./file.py:ClassName`; raises Rejection."""
    name = case.pipeline
    if name == "auto":
        return DiffusionPipeline
    path, separator, local_name = name.rpartition(":")
    if separator:
        return _from_file(case, Path(case.base) / path, local_name)
    return class_of_diffusers("pipeline", name)


class Unimportable(Exception):
    """diffusers has the class, but its module cannot be imported; the cause is the original error."""


def class_of_diffusers(key: str, name: str) -> type[Any]:
    """The class that diffusers exports as `name`, as the config's `key` asks; raises Rejection, Unimportable."""
    try:
        found = getattr(diffusers, name, None)
    # This imports modules of many packages, which may raise anything.
    except Exception as error:
        reason = in_words(root_of(error))
        raise Unimportable(
            f"{name} of diffusers {diffusers.__version__} cannot be imported here: {reason}"
        ) from error
    if not isinstance(found, type):
        fact = f"diffusers {diffusers.__version__} has no such class"
        raise Lacking(key, name, fact, "name an existing one", name=name)
    return found


def _from_file(case: Case, path: Path, name: str) -> type[DiffusionPipeline]:
    """The class `name` of the Python file at `path`, which the config names explicitly."""
    module_name = f"{OWN}{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise Rejection(
            "pipeline", case.pipeline, "cannot be read as a Python file; name one that ends in .py"
        )
    module = importlib.util.module_from_spec(spec)
    # Pickling and typing look a class's module up by name.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise Rejection("pipeline", case.pipeline, f"the file raised {error!r}; fix it") from error
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, DiffusionPipeline)):
        raise Rejection("pipeline", case.pipeline, f"{path.name} has no DiffusionPipeline named {name}")
    return found
