"""Digest, norm and sketch of tensors, computed in batches on their own device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod

import numpy as np
import torch

from harness.core.trace import DIGEST_BYTES, SKETCH_SIZE
from harness.worker.splitmix64 import GAMMA, finalized

_CHUNK = 4096  # elements per row of the weights and signs; longer tensors are split into chunks

_SLICE = 2**20  # elements processed at once, with 8 MiB of 64-bit intermediates each

_SLICE_OF_GPU = 2**23  # a GPU computes these in the time that it takes to launch the kernels for fewer

_LANES = DIGEST_BYTES // 8

_SEED = 0x6A09E667F3BCC908  # the fraction of sqrt(2); any fixed number would do

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int32, 16: torch.int32}


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Of N tensors: digests int64 [N, 2], norms float64 [N], sketches float32 [N, SKETCH_SIZE]."""

    digests: torch.Tensor
    norms: torch.Tensor
    sketches: torch.Tensor


def fingerprints(batch: torch.Tensor) -> Fingerprints:
    """The fingerprints of the N tensors stacked in `batch`, on its device.

    The digest is a multilinear hash of the bits in two lanes of 64-bit integer arithmetic (Carter and
    Wegman 1979; Thorup 2015, "High speed hashing for integers and strings", 3.2). The order of its sum does not
    matter, so every device gives the same digest. It detects accidental differences, not deliberate collisions.
    The sketch multiplies with random signs in float64 (Achlioptas 2003): the distance between
    two sketches estimates that between the tensors with a relative standard error of at most about
    sqrt(2 / SKETCH_SIZE) for differences spread over the tensor, and about 1e-7 of the norm is lost to the
    rounding to float32. NaN and infinities count as 0 in the sketch, and propagate into the norm.
    """
    flat = batch.reshape(len(batch), -1)
    if flat.is_complex():
        flat = torch.view_as_real(flat).reshape(len(batch), -1)
    return Fingerprints(_digests(_bits(flat)), *_norms_and_sketches(flat))


def _bits(flat: torch.Tensor) -> torch.Tensor:
    if flat.dtype is torch.bool:
        return flat.to(torch.uint8)
    return flat.contiguous().view(_INTEGERS[flat.element_size()])


def _digests(bits: torch.Tensor) -> torch.Tensor:
    count, length = bits.shape
    weights = _weights(bits.device)
    totals = torch.full((count, _LANES), length, dtype=torch.int64, device=bits.device)
    for start, piece in _slices(bits):
        chunks = _chunked(piece.to(torch.int64) + 1)
        first, width = start // _CHUNK, chunks.shape[2]
        places = _random_integers(first + chunks.shape[1], _LANES, "chunks", bits.device)[first:]
        for lane in range(_LANES):
            mixed = _mixed((chunks * weights[lane, :width]).sum(-1))
            totals[:, lane] += (mixed * places[:, lane]).sum(-1)
    return _mixed(totals)


def _mixed(numbers: torch.Tensor) -> torch.Tensor:
    """The finalizer of splitmix64, which is invertible: it lets the high bits affect the low ones too."""
    numbers = (numbers ^ _shifted(numbers, 30)) * -4658895280553007687
    numbers = (numbers ^ _shifted(numbers, 27)) * -7723592293110705685
    return numbers ^ _shifted(numbers, 31)


def _shifted(numbers: torch.Tensor, by: int) -> torch.Tensor:
    """A logical right shift; torch's own repeats the sign."""
    return (numbers >> by) & (2 ** (64 - by) - 1)


def _chunked(flat: torch.Tensor) -> torch.Tensor:
    """[N, length] as [N, chunks, length of a chunk], padded with zeros; a single short chunk unpadded."""
    count, length = flat.shape
    if length <= _CHUNK:
        return flat.unsqueeze(1)
    missing = -length % _CHUNK
    padded = torch.nn.functional.pad(flat, (0, missing)) if missing else flat
    return padded.reshape(count, -1, _CHUNK)


def _norms_and_sketches(flat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    count = len(flat)
    squares = torch.zeros(count, dtype=torch.float64, device=flat.device)
    sums = torch.zeros(count, SKETCH_SIZE, dtype=torch.float64, device=flat.device)
    signs = _signs(flat.device)
    for start, piece in _slices(flat):
        values = piece.to(torch.float64)
        squares += values.square().sum(-1)
        chunks = _chunked(values.nan_to_num(0.0, 0.0, 0.0))
        rows = chunks @ signs[: chunks.shape[2]]
        sums += (rows * _place_signs(start // _CHUNK, rows.shape[1], flat.device)).sum(1)
    return squares.sqrt(), (sums / SKETCH_SIZE**0.5).to(torch.float32)


def _slices(flat: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
    """Parts of [N, length] that begin at a chunk boundary, with their starts."""
    count, length = flat.shape
    at_once = _SLICE if flat.device.type == "cpu" else _SLICE_OF_GPU
    width = max(1, at_once // max(count, 1) // _CHUNK) * _CHUNK
    for start in range(0, length, width):
        yield start, flat[:, start : start + width]


def _place_signs(first: int, count: int, device: torch.device) -> torch.Tensor:
    numbers = _random_integers(first + count, SKETCH_SIZE, "places", device)[first:]
    return (numbers < 0).to(torch.float64) * 2 - 1


@cache
def _weights(device: torch.device) -> torch.Tensor:
    """int64 [lanes, chunk], odd, so that no bit of an element is lost."""
    return (_random_integers(_CHUNK, _LANES, "weights", device) | 1).T.contiguous()


@cache
def _signs(device: torch.device) -> torch.Tensor:
    """float64 [chunk, sketch] of -1 and 1."""
    return (_random_integers(_CHUNK, SKETCH_SIZE, "signs", device) < 0).to(torch.float64) * 2 - 1


_STREAMS = {"weights": 1, "signs": 2, "chunks": 3, "places": 4}


def _random_integers(rows: int, columns: int, stream: str, device: torch.device) -> torch.Tensor:
    """int64 [rows, columns], the same whatever the torch version; row i does not depend on `rows`."""
    grown = 1 << max(0, rows - 1).bit_length()
    return _table(grown, columns, stream, device)[:rows]


@cache
def _table(rows: int, columns: int, stream: str, device: torch.device) -> torch.Tensor:
    """SplitMix64 of the place in the table."""
    with np.errstate(over="ignore"):
        state = np.arange(prod((rows, columns)), dtype=np.uint64) + np.uint64(_STREAMS[stream] << 48)
        state = finalized((state + np.uint64(1)) * GAMMA + np.uint64(_SEED))
    return torch.from_numpy(state.view(np.int64).reshape(rows, columns)).to(device)
