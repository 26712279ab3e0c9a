"""Pipelines in the user's own file, written as `./file.py:ClassName`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.config.files import kind_of
from harness.core.text import NotText, conflicts, decoded


@dataclass(frozen=True, slots=True)
class OwnPipeline:
    """A class in a Python file; `file` is the path as the config gives it, relative to the config."""

    file: str
    class_name: str


def own_pipeline(pipeline: object) -> OwnPipeline | None:
    """The file and the class that `pipeline` names, or None if it is just a class name."""
    if not isinstance(pipeline, str) or not pipeline.startswith((".", "/")):
        return None
    file, colon, class_name = pipeline.rpartition(":")
    return OwnPipeline(file, class_name) if colon and file.endswith(".py") else None


def problem(own: OwnPipeline, folder: Path) -> str | None:
    """What is wrong with the file, relative to `folder`, or None; it is read, never run."""
    path = folder / own.file
    if kind_of(path) != "file":
        return f"no such file {own.file}; paths are relative to this config file"
    try:
        text = decoded(path.read_bytes())
    except OSError as error:
        return f"{own.file} cannot be read ({error.strerror}); check the file"
    except NotText:
        return f"{own.file} is not UTF-8 text; save it as UTF-8"
    if left := conflicts(text):
        return f"{own.file}: {left[0]}"
    if re.search(rf"\b{own.class_name}\b", text):
        return None
    classes = re.findall(r"^class (\w+)", text, re.MULTILINE)
    return f"{own.file} has no class of this name; it has {', '.join(classes) or 'none'}"
