"""Reads an output from a golden or capture as one numpy array or one text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.core.capture import OUTPUT_PREFIX
from harness.golden.header import TensorInfo
from harness.golden.tensors import TensorFile

MOST_BYTES = 2**30
"""Larger outputs are not drawn: golden and run have to be in memory together."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a run: its `values` in their own dtype, or its `text`.

    Values of a dtype that numpy does not know by itself (bfloat16, float8) are float32, complex ones their magnitude.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    values: npt.NDArray[Any] | None = None
    text: str | None = None


def output_names(file: TensorFile) -> tuple[str, ...]:
    """The names of a file's outputs, without prefix, in alphabetical order."""
    return tuple(sorted(name.removeprefix(OUTPUT_PREFIX) for name in file.tensors if _is_output(name)))


def output_of(file: TensorFile, name: str) -> Output | None:
    """The output `name`, None if the file has none; without values if it is too large to draw.

    Raises UnreadableGolden for a damaged file.
    """
    stored = OUTPUT_PREFIX + name
    info = file.tensors.get(stored)
    if info is None:
        return None
    if stored in file.document.text:
        text = b"".join(bytes(piece) for piece in file.raw(stored)).decode("utf-8", "replace")
        return Output(name, "text", (), text=text)
    values = _array(file, info) if info.stop - info.start <= MOST_BYTES else None
    return Output(name, info.dtype, info.shape, values)


def outputs_of(file: TensorFile) -> Iterator[Output]:
    """All outputs of a file, one at a time."""
    for name in output_names(file):
        found = output_of(file, name)
        if found is not None:
            yield found


def _is_output(name: str) -> bool:
    return name.startswith(OUTPUT_PREFIX)


def _array(file: TensorFile, info: TensorInfo) -> npt.NDArray[Any]:
    pieces = [_drawable(piece) for piece in file.arrays(info.name)]
    flat = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return np.asarray(flat.reshape(info.shape))


def _drawable(piece: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if piece.dtype.kind == "c":
        return np.asarray(np.abs(piece))
    # ml_dtypes' types have the kind V or f, but are no subtype of numpy's floats.
    known = piece.dtype.kind in "bui" or piece.dtype in (np.float16, np.float32, np.float64)
    return piece.copy() if known else piece.astype(np.float32)
