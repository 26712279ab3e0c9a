"""Whether what a config names exists: classes of diffusers, weights, and input files with their sha256."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.config import weights
from harness.config.files import kind_of, resolved
from harness.config.forms import registry
from harness.config.pipelines import classes
from harness.config.pipelines import own as own_pipelines
from harness.config.pipelines.own import own_pipeline
from harness.config.schema.structure import entries
from harness.config.wording import joined, listing, nearest, shown, suggestion
from harness.core.case import InputFile
from harness.errors import Problem

Values = Mapping[str, object]

_ORIGINAL = "original_config"
"""The original config of a single-file model; diffusers would fetch it from any address."""


@dataclass(slots=True)
class Location:
    """The location of a config file: its `folder`, inside the configs folder `root`, both absolute.

    `digests` caches each input file's sha256 for the other entries of the load. With `elsewhere` the cases run under
    other versions, so a class need not exist in the installed ones.
    """

    root: Path
    folder: Path
    digests: dict[Path, str] = field(default_factory=dict)
    elsewhere: bool = False


def problems(values: Values, around: Location) -> Iterator[Problem]:
    """What `values` name but does not exist; values of a wrong type are skipped."""
    pipeline = values.get("pipeline")
    if isinstance(pipeline, str):
        yield from _problem("pipeline", pipeline, _pipeline_problem(pipeline, around))
    yield from _scheduler_problems(_mapping(values, "scheduler"), around)
    yield from weights.model_problems(_mapping(values, "model"), pipeline, around.folder)
    for key, addition in _additions(values):
        yield from weights.addition_problems(key, addition, around.folder)
    yield from _loading_problems(values, around.folder)
    backend = _mapping(values, "quantization").get("backend")
    if isinstance(backend, str) and not around.elsewhere:
        yield from _problem("quantization.backend", backend, classes.backend_problem(backend))
    for key, argument in _files(values):
        message = _file_problem(_path_part(argument), around) or _tensor_problem(argument, around)
        yield from _problem(key, argument, message)


def warnings(values: Values, around: Location) -> Iterator[Problem]:
    """Warnings about what works today but may not tomorrow; `values` have no problems."""
    yield from weights.floating("model", _mapping(values, "model"), around.folder)
    for key, addition in _additions(values):
        yield from weights.floating(key, addition, around.folder)
    for key, call in _loading_calls(values):
        for name in weights.listed(call.get(weights.SOURCE)):
            # The arguments of a method have no key for a reason.
            yield from weights.floating(key, {**call, "id": name, "floating": None}, around.folder, "")


def inputs(values: Values, around: Location) -> tuple[InputFile, ...]:
    """The files that `values` name and that decide the output, each once; `values` have no problems.

    These are the input files and the file of the user's own pipeline; a golden records their content.
    """
    own = own_pipeline(values["pipeline"])
    names = [own.file] if own else []
    names += [_path_part(argument) for _, argument in _files(values)]
    paths = {name: resolved(around.folder / name) for name in names}
    return tuple(InputFile(name, str(path), _sha256(path, around)) for name, path in paths.items())


def _additions(values: Values) -> Iterator[tuple[str, Values]]:
    yield from entries(values, "adapters")
    yield from entries(values, "embeddings")
    yield from entries(values, "ip_adapters")


def _loading_calls(values: Values) -> Iterator[tuple[str, Values]]:
    """The key and the arguments of each call before the run that loads something."""
    for key, preparation in entries(values, "before"):
        if str(preparation.get("method")).startswith("load_"):
            yield joined(key, "call"), _mapping(preparation, "call")


def _loading_problems(values: Values, folder: Path) -> Iterator[Problem]:
    """What those calls name that is unavailable or a pickle, and the original config of a single file."""
    for key, call in _loading_calls(values):
        yield from weights.call_problems(key, call, folder)
    components = _mapping(_mapping(values, "model"), "components")
    original = components.get(_ORIGINAL)
    if _ORIGINAL in components and not (isinstance(original, str) and kind_of(folder / original) == "file"):
        message = "no such file; expected a YAML file's path, relative to this file"
        yield Problem("", f"model.components.{_ORIGINAL}", shown(original), message)


def _files(values: Values) -> Iterator[tuple[str, str]]:
    """The key and the argument of each `$file` in `call` and in the calls before it."""
    yield from registry.files(values.get("call"), "call")
    for key, preparation in entries(values, "before"):
        yield from registry.files(preparation.get("call"), joined(key, "call"))


def _pipeline_problem(pipeline: str, around: Location) -> str | None:
    if own := own_pipeline(pipeline):
        return own_pipelines.problem(own, around.folder)
    return None if around.elsewhere else classes.pipeline_problem(pipeline)


def _scheduler_problems(scheduler: Values, around: Location) -> Iterator[Problem]:
    name = scheduler.get("class")
    if isinstance(name, str) and not around.elsewhere:
        yield from _problem("scheduler.class", name, classes.scheduler_problem(name))
    for key in scheduler:
        if key != "class" and nearest(key.lstrip("_"), ["class", "class_name"], cutoff=0.8):
            yield Problem("", f"scheduler.{key}", shown(scheduler[key]), "unknown key; did you mean 'class'?")


def _file_problem(name: str, around: Location) -> str | None:
    if Path(name).is_absolute():
        return "expected a path relative to this file"
    path = resolved(around.folder / name)
    if not path.is_relative_to(around.root):
        return "lies outside the configs folder; move the file inside"
    if kind_of(path) != "file":
        elsewhere = os.path.relpath(around.root / name, around.folder)
        hint = f"; did you mean {elsewhere!r}?" if kind_of(around.root / name) == "file" else ""
        return f"no such file; paths are relative to this config file{hint}"
    try:
        _sha256(path, around)
    except OSError as error:
        return f"cannot be read ({error.strerror}); check the file"
    return None


def _tensor_problem(argument: str, around: Location) -> str | None:
    """What is wrong with the tensor named in a .safetensors file; the file's reader reports damage."""
    name, _, tensor = argument.partition("#")
    if not name.lower().endswith(".safetensors"):
        return None
    names = _tensor_names(resolved(around.folder / name))
    if names is None or tensor in names or (not tensor and len(names) == 1):
        return None
    what = f"the file has no tensor {tensor!r}" if tensor else f"the file has {len(names)} tensors"
    hint = suggestion(tensor, names) if tensor else ""
    return f"{what}{hint or '.'} Name one of {listing(sorted(names))} after '#'"


def _tensor_names(path: Path) -> tuple[str, ...] | None:
    """The tensors that the header of a .safetensors file names; None if it cannot be read.

    The format: the header's length in eight bytes, little-endian, then the header as JSON.
    """
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    except (OSError, ValueError, MemoryError, OverflowError):
        return None
    if not isinstance(header, dict):
        return None
    return tuple(name for name in header if name != "__metadata__")


def _sha256(path: Path, around: Location) -> str:
    if path not in around.digests:
        with path.open("rb") as file:
            around.digests[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return around.digests[path]


def _path_part(argument: str) -> str:
    return argument.partition("#")[0]


def _problem(key: str, value: str, message: str | None) -> Iterator[Problem]:
    if message is not None:
        yield Problem("", key, shown(value), message)


def _mapping(values: Values, key: str) -> Values:
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}
