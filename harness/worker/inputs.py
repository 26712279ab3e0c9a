"""Turn a config's `call` values into the Python objects a pipeline takes; fresh ones for every run."""

from __future__ import annotations

import wave
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageSequence
from safetensors import safe_open

from harness.core.case import Case, Values
from harness.worker import dataclass_inputs, synthetic
from harness.worker.rejection import Rejection

Loader = Callable[[Path, str], object]


def call_arguments(case: Case) -> dict[str, object]:
    """The keyword arguments named by the case's `call`; otherwise as `arguments`."""
    return arguments(case, "call", case.call)


def arguments(case: Case, key: str, values: Values) -> dict[str, object]:
    """The objects that `values`, which stand at `key`, describe; made anew, so that a pipeline may change them.

    Raises Rejection for a file that does not hold what its suffix says.
    """
    files = {file.name: Path(file.path) for file in case.inputs}
    return {name: _resolve(f"{key}.{name}", value, files) for name, value in values.items()}


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


def _image(path: Path, _part: str) -> Image.Image:
    """A PIL image; grey, 16-bit and float images keep their mode (masks, depth), all others become RGB."""
    with Image.open(path) as image:
        image.load()
        return image.copy() if image.mode in ("RGB", "L", "I;16", "I", "F") else image.convert("RGB")


def _array(path: Path, _part: str) -> np.ndarray:
    return np.load(path, allow_pickle=False)


def _tensor(path: Path, part: str) -> torch.Tensor:
    with safe_open(path, framework="pt") as file:
        names = sorted(file.keys())
        if part in names:
            return file.get_tensor(part)
        if not part and len(names) == 1:
            return file.get_tensor(names[0])
    raise ValueError(f"no such tensor; name one of {', '.join(names)} after '#'")


def _text(path: Path, _part: str) -> str:
    return path.read_text(encoding="utf-8")


def _audio(path: Path, _part: str) -> torch.Tensor:
    """PCM samples as float32 in [-1, 1), shape (channels, samples)."""
    with wave.open(str(path)) as file:
        width, channels = file.getsampwidth(), file.getnchannels()
        raw = file.readframes(file.getnframes())
    if width not in (1, 2, 4):
        raise ValueError(f"{8 * width}-bit samples; 8, 16 and 32 bits are supported")
    samples = np.frombuffer(raw, {1: "u1", 2: "<i2", 4: "<i4"}[width]).astype(np.float64)
    scaled = (samples - 128.0) / 128.0 if width == 1 else samples / 2.0 ** (8 * width - 1)
    return torch.from_numpy(scaled.astype(np.float32).reshape(-1, channels).T.copy())


def _frames(path: Path, _part: str) -> list[Image.Image]:
    with Image.open(path) as image:
        return [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]


def _video(path: Path, _part: str) -> list[Image.Image]:
    try:
        import imageio.v3 as imageio
    except ImportError as error:
        raise ValueError("it needs imageio: pip install imageio imageio-ffmpeg") from error
    return [Image.fromarray(frame) for frame in imageio.imiter(path)]


def _numbers(argument: object) -> tuple[object, str]:
    """The values of `$tensor` or `$array` and their dtype: the stated one, or the first that holds them all."""
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
    ".png": _image,
    ".jpg": _image,
    ".jpeg": _image,
    ".webp": _image,
    ".bmp": _image,
    ".tif": _image,
    ".tiff": _image,
    ".npy": _array,
    ".safetensors": _tensor,
    ".txt": _text,
    ".wav": _audio,
    ".gif": _frames,
    ".mp4": _video,
}
