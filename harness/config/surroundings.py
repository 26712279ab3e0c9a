"""Whether what a config names is there: classes of diffusers, models, and input files with their sha256."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness import zoo
from harness.config import forms, pipelines
from harness.config.files import kind_of, resolved
from harness.config.wording import nearest, shown, unknown
from harness.core.case import InputFile
from harness.errors import Problem

BUILTIN = "builtin:"
_HUB_ID = re.compile(r"(?!.*(\.\.|--))[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")

Values = Mapping[str, object]


@dataclass(slots=True)
class Surroundings:
    """Where one config file lies: its `folder`, inside the configs folder `root`, both absolute.

    `digests` keeps each input file's sha256 for the other entries of the load.
    """

    root: Path
    folder: Path
    digests: dict[Path, str] = field(default_factory=dict)


def problems(values: Values, around: Surroundings) -> Iterator[Problem]:
    """What `values` name and is not there; values of a wrong type are passed over."""
    pipeline = values.get("pipeline")
    if isinstance(pipeline, str):
        yield from _problem("pipeline", pipeline, pipelines.pipeline_problem(pipeline))
    scheduler = values.get("scheduler")
    if isinstance(scheduler, Mapping):
        yield from _scheduler_problems(scheduler)
    model = values.get("model")
    if isinstance(model, Mapping) and isinstance(model.get("id"), str):
        yield from _model_problems(model, model["id"], around.folder)
    for key, argument in forms.files(values.get("call"), "call"):
        yield from _problem(key, argument, _file_problem(_path_part(argument), around))


def warnings(values: Values, around: Surroundings) -> Iterator[str]:
    """What works today and may not tomorrow; `values` have no problems."""
    model = values["model"]
    if not isinstance(model, Mapping) or not _is_hub_id(str(model["id"]), around.folder):
        return
    revision = model.get("revision")
    if revision is None or not _COMMIT.fullmatch(str(revision)):
        advice = "floats, so the model may change under the golden; pin a commit sha of 40 hex digits"
        yield f"model.revision = {shown(revision)}: {advice}"


def inputs(values: Values, around: Surroundings) -> tuple[InputFile, ...]:
    """The input files that `values` name, each once; `values` have no problems."""
    names = dict.fromkeys(_path_part(argument) for _, argument in forms.files(values.get("call"), "call"))
    paths = {name: resolved(around.folder / name) for name in names}
    return tuple(InputFile(name, str(path), _sha256(path, around)) for name, path in paths.items())


def _scheduler_problems(scheduler: Values) -> Iterator[Problem]:
    name = scheduler.get("class")
    if isinstance(name, str):
        yield from _problem("scheduler.class", name, pipelines.scheduler_problem(name))
    for key in scheduler:
        if key != "class" and nearest(key.lstrip("_"), ["class", "class_name"], cutoff=0.8):
            yield Problem("", f"scheduler.{key}", shown(scheduler[key]), "unknown key; did you mean 'class'?")


def _model_problems(model: Values, name: str, folder: Path) -> Iterator[Problem]:
    yield from _problem("model.id", name, _model_problem(name, folder))
    revision = model.get("revision")
    if revision is not None and not _is_hub_id(name, folder):
        yield Problem("", "model.revision", shown(revision), "only a hub id has revisions; leave it out")


def _model_problem(name: str, folder: Path) -> str | None:
    if name.startswith(BUILTIN):
        accepted = [BUILTIN + one for one in zoo.names()]
        return None if name in accepted else unknown("no built-in model of this name", name, accepted)
    kind = kind_of(folder / name)
    if kind != "nothing" or name.startswith((".", "/")):
        there = "is not there" if kind == "nothing" else "is no folder"
        return None if kind == "folder" else f"{there}; expected a model's folder, relative to this file"
    if _HUB_ID.fullmatch(name):
        return None
    return "expected builtin:NAME, a hub id such as org/name, or a model's folder, relative to this file"


def _is_hub_id(name: str, folder: Path) -> bool:
    return not name.startswith((BUILTIN, ".", "/")) and kind_of(folder / name) == "nothing"


def _file_problem(name: str, around: Surroundings) -> str | None:
    if Path(name).is_absolute():
        return "expected a path relative to this file"
    path = resolved(around.folder / name)
    if not path.is_relative_to(around.root):
        return "lies outside of the configs folder; move the file inside"
    if kind_of(path) != "file":
        elsewhere = os.path.relpath(around.root / name, around.folder)
        hint = f"; did you mean {elsewhere!r}?" if kind_of(around.root / name) == "file" else ""
        return f"no such file; paths are relative to this config file{hint}"
    try:
        _sha256(path, around)
    except OSError as error:
        return f"cannot be read ({error.strerror}); check the file"
    return None


def _sha256(path: Path, around: Surroundings) -> str:
    if path not in around.digests:
        with path.open("rb") as file:
            around.digests[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return around.digests[path]


def _path_part(argument: str) -> str:
    return argument.partition("#")[0]


def _problem(key: str, value: str, message: str | None) -> Iterator[Problem]:
    if message is not None:
        yield Problem("", key, shown(value), message)
