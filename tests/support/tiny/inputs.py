"""Input files whose content follows from their name alone.

`image_32.png`, `image_48x32_b.png` (width x height), `mask_32.png`, `array_1x2x3.npy`, `tensor_1x4x8x8.safetensors`
(one tensor, under the key `value`). A trailing `_word` only changes the seed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

NAME = re.compile(
    r"(?P<kind>image|mask|array|tensor)_(?P<size>\d+(?:x\d+)*)(?:_\w+)?\.(?:png|npy|safetensors)"
)
TENSOR_KEY = "value"

Values = dict[str, object]


def file(name: str) -> Values:
    """The reference to an input file in a call's arguments."""
    return {"$file": f"{name}#{TENSOR_KEY}" if name.endswith(".safetensors") else name}


def referenced(value: object) -> Iterator[str]:
    """The names of the files that `value` refers to, without their keys."""
    if isinstance(value, dict):
        if "$file" in value:
            yield str(value["$file"]).partition("#")[0]
        else:
            for item in value.values():
                yield from referenced(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from referenced(item)


def write(folder: Path, name: str) -> None:
    """Write the input file `name` into `folder`; raises ValueError where the name says no content."""
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} names no content; use one of the patterns in {__name__}")
    size = tuple(int(part) for part in match["size"].split("x"))
    random = numpy.random.default_rng(zlib.crc32(name.encode()))
    if match["kind"] == "image":
        _image(size, random).save(folder / name)
    elif match["kind"] == "mask":
        _mask(size).save(folder / name)
    elif match["kind"] == "array":
        numpy.save(folder / name, random.random(size, dtype=numpy.float32))
    else:
        values = random.standard_normal(size, dtype=numpy.float32)
        save_file({TENSOR_KEY: torch.from_numpy(values)}, folder / name)


def resolve(value: object, folder: Path) -> object:
    """`value` with every `$file` read from `folder` and every `$tuple` made a tuple."""
    if isinstance(value, list):
        return [resolve(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    if "$file" in value:
        return _read(folder, str(value["$file"]))
    if "$tuple" in value:
        return tuple(resolve(item, folder) for item in value["$tuple"])
    return {key: resolve(item, folder) for key, item in value.items()}


def _read(folder: Path, reference: str) -> object:
    name, _, key = reference.partition("#")
    if name.endswith(".safetensors"):
        return load_file(folder / name)[key]
    if name.endswith(".npy"):
        return numpy.load(folder / name)
    with Image.open(folder / name) as image:
        return image.copy()


def _image(size: tuple[int, ...], random: numpy.random.Generator) -> Image.Image:
    width, height = size if len(size) == 2 else size * 2
    coarse = random.integers(0, 256, (4, 4, 3), dtype=numpy.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def _mask(size: tuple[int, ...]) -> Image.Image:
    width, height = size if len(size) == 2 else size * 2
    pixels: numpy.ndarray = numpy.zeros((height, width), dtype=numpy.uint8)
    pixels[height // 4 :, width // 4 :] = 255
    return Image.fromarray(pixels)
