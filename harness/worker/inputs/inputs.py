"""Turn a config's `call` values into the Python objects that a pipeline takes, fresh for every run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

from harness.core.case import Case, Values
from harness.core.text import conflicts, decoded
from harness.worker import synthetic
from harness.worker.inputs import dataclass_inputs, pictures, wav
from harness.worker.loading.alignment import aligned
from harness.worker.rejection import Rejection

Loader = Callable[[Path, str], object]


def call_arguments(case: Case) -> dict[str, object]:
    """The keyword arguments that the case's `call` names; otherwise like `arguments`."""
    return arguments(case, "call", case.call)


def arguments(case: Case, key: str, values: Values) -> dict[str, object]:
    """The objects that `values` at `key` describe; new ones, so that a pipeline may change them.

    Raises Rejection for a file whose content does not match its suffix.
    """
    files = {file.name: Path(file.path) for file in case.inputs}
    return {name: _resolve(f"{key}.{name}", value, files) for name, value in values.items()}


def lost(case: Case) -> tuple[str, ...]:
    """Warnings about content of the case's input files that is dropped."""
    return pictures.lost((file.name, Path(file.path)) for file in case.inputs)


def _resolve(key: str, value: object, files: Mapping[str, Path]) -> object:
    if isinstance(value, Mapping):
        form = next(iter(value), None)
        if form == "$file":
            return _load(key, str(value["$file"]), files)
        if form == "$tuple":
            return tuple(_resolve(key, item, files) for item in value["$tuple"])
        if form == "$map":
            return {name: _resolve(f"{key}[{name!r}]", item, files) for name, item in value["$map"]}
        if form == "$object":
            return _object(key, value["$object"], files)
        if form in _FORMS:
            return _FORMS[form](value[form])
        return {name: _resolve(f"{key}.{name}", item, files) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_resolve(f"{key}[{index}]", item, files) for index, item in enumerate(value)]
    return value


def _object(key: str, described: Mapping[str, object], files: Mapping[str, Path]) -> object:
    fields = {
        name: _resolve(f"{key}.{name}", item, files) for name, item in described.items() if name != "class"
    }
    return dataclass_inputs.made(key, str(described["class"]), fields)


def _load(key: str, reference: str, files: Mapping[str, Path]) -> object:
    name, _, part = reference.partition("#")
    path = files[name]
    loader = _LOADERS[path.suffix.lower()]
    try:
        return loader(path, part)
    except Exception as error:
        raise Rejection(
            key, reference, f"cannot be read as {path.suffix} ({error}); check the file"
        ) from error


def _array(path: Path, _part: str) -> np.ndarray:
    return np.load(path, allow_pickle=False)


def _tensor(path: Path, part: str) -> torch.Tensor:
    with safe_open(path, framework="pt") as file:
        names = sorted(file.keys())
        if part in names:
            return aligned(file.get_tensor(part))
        if not part and len(names) == 1:
            return aligned(file.get_tensor(names[0]))
    raise ValueError(f"no such tensor; name one of {', '.join(names)} after '#'")


def _text(path: Path, _part: str) -> str:
    """The text without a byte order mark; every line ending becomes a line feed."""
    text = decoded(path.read_bytes())
    if left := conflicts(text):
        raise ValueError(str(left[0]))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _numbers(argument: object) -> tuple[object, str]:
    """The values of `$tensor` or `$array` and their dtype: the stated one, or the first that can hold all values."""
    stated: Mapping[str, Any] = argument if isinstance(argument, Mapping) else {"values": argument}
    values = stated["values"]
    kind = np.asarray(values).dtype.kind
    return values, stated.get("dtype") or {"b": "bool", "i": "int64"}.get(kind, "float32")


def _written_tensor(argument: object) -> torch.Tensor:
    values, dtype = _numbers(argument)
    return torch.tensor(values, dtype=getattr(torch, dtype))


def _written_array(argument: object) -> np.ndarray:
    values, dtype = _numbers(argument)
    return np.asarray(values, dtype=dtype)


_FORMS: Mapping[object, Callable[[Any], object]] = {
    "$noise": synthetic.noise,
    "$gradient": synthetic.gradient,
    "$tensor": _written_tensor,
    "$array": _written_array,
}

_LOADERS: Mapping[str, Loader] = {
    **dict.fromkeys(pictures.PICTURE_SUFFIXES, lambda path, _part: pictures.picture(path)),
    ".npy": _array,
    ".safetensors": _tensor,
    ".txt": _text,
    ".wav": lambda path, _part: wav.samples(path),
    pictures.FRAMES_SUFFIX: lambda path, _part: pictures.frames(path),
    ".mp4": lambda path, _part: pictures.film(path),
}
