"""`$object`: make one of the dataclasses that diffusers' pipelines take, such as LTXVideoCondition."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping

from diffusers.utils import BaseOutput

from harness.worker.rejection import Lacking, Rejection


def made(key: str, class_name: str, fields: Mapping[str, object]) -> object:
    """An instance of the dataclass `class_name` from the loaded pipeline modules, with these fields.

    Raises Rejection, at `key`, for a class that does not exist, and for unknown or missing fields.
    """
    known = dict(_dataclasses())
    found = known.get(class_name)
    if found is None:
        names = ", ".join(sorted(known)) or "none"
        message = f"the pipeline's modules have no such dataclass; they have: {names}"
        raise Lacking(f"{key}.class", class_name, message, name=class_name)
    takes = [field.name for field in dataclasses.fields(found) if field.init]
    for name, value in fields.items():
        if name not in takes:
            message = f"{class_name} takes no `{name}`. It takes: {', '.join(takes)}"
            raise Lacking(f"{key}.{name}", str(value), message, name=name)
    try:
        return found(**fields)
    except TypeError as error:
        raise Rejection(key, class_name, f"{error}. It takes: {', '.join(takes)}") from error


def _dataclasses() -> Iterator[tuple[str, type]]:
    """Every dataclass in a loaded pipeline module of diffusers, except output classes."""
    for module_name in sorted(sys.modules):
        if not module_name.startswith(("diffusers.pipelines.", "diffusers.modular_pipelines.")):
            continue
        # `vars`, since reading an attribute of a lazy module would import more.
        for name, value in vars(sys.modules[module_name]).items():
            if _is_an_input(value):
                yield name, value


def _is_an_input(value: object) -> bool:
    if not isinstance(value, type) or not value.__module__.startswith("diffusers."):
        return False
    return dataclasses.is_dataclass(value) and not issubclass(value, BaseOutput)
