"""Digests are equal where the bits are; norms and sketches say how far tensors lie apart."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from harness.core.trace import SKETCH_SIZE
from harness.worker.trace.fingerprints import fingerprints

CHUNK = 4096

DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.int64,
    torch.uint8,
    torch.uint16,
    torch.bool,
    torch.complex64,
    torch.complex128,
]


def digest(tensor: torch.Tensor) -> bytes:
    return bytes(fingerprints(tensor.unsqueeze(0)).digests[0].numpy().tobytes())


def from_bytes(raw: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(raw.copy()).view(dtype)


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


# Digests


def reference(integers: list[int]) -> bytes:
    """The digest by its definition, in Python's own integers; `integers` are the words of the tensor, signed."""
    lanes = []
    for lane in (0, 1):
        total = len(integers)
        for first in range(0, len(integers), CHUNK):
            words = integers[first : first + CHUNK]
            weighted = sum((word + 1) * (splitmix(1, 2 * n + lane) | 1) for n, word in enumerate(words))
            total += mixed(weighted) * splitmix(3, 2 * (first // CHUNK) + lane)
        lanes.append(mixed(total))
    return b"".join(lane.to_bytes(8, "little") for lane in lanes)


def splitmix(stream: int, place: int) -> int:
    """Steele, Lea and Flood 2014, figure 16, at a place of its sequence."""
    return mixed(((stream << 48) + place + 1) * 0x9E3779B97F4A7C15 + 0x6A09E667F3BCC908)


def mixed(number: int) -> int:
    number %= 2**64
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB % 2**64
    return number ^ (number >> 31)


@pytest.mark.parametrize("length", [0, 1, 3, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17])
def test_the_digest_is_the_one_defined(length: int) -> None:
    words = np.random.default_rng(length).integers(-(2**31), 2**31, length).astype(np.int32)
    assert digest(torch.from_numpy(words)) == reference(words.tolist())
    assert digest(torch.from_numpy(words).view(torch.float32)) == reference(words.tolist())


def test_a_long_tensor_is_looked_at_in_slices() -> None:
    # 200 tensors together: a slice is one chunk
    words = np.random.default_rng(0).integers(-(2**15), 2**15, (200, 2 * CHUNK + 5)).astype(np.int16)
    found = fingerprints(torch.from_numpy(words)).digests.numpy()
    assert [found[number].tobytes() for number in (0, 199)] == [
        reference(words[number].tolist()) for number in (0, 199)
    ]


def test_digests_do_not_depend_on_the_batch() -> None:
    batch = noise(0, 7, 2**18 + 3)
    together = fingerprints(batch).digests
    assert [row.tobytes() for row in together.numpy()] == [digest(tensor) for tensor in batch]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_single_bit_counts(dtype: torch.dtype) -> None:
    size = torch.empty(0, dtype=dtype).itemsize
    raw = np.random.default_rng(1).integers(0, 2, 3 * size, np.uint8)
    changed = [raw]
    for place in range(len(raw)):
        for bit in range(1 if dtype is torch.bool else 8):
            changed.append(raw.copy())
            changed[-1][place] ^= 1 << bit
    digests = [digest(from_bytes(one, dtype)) for one in changed]
    assert len(set(digests)) == len(changed)
    assert digest(from_bytes(raw, dtype)) == digests[0]


def test_one_bit_in_a_million_counts_wherever_it_is() -> None:
    tensor = torch.zeros(2**20 + 11, dtype=torch.uint8)
    digests = {digest(tensor)}
    places = [0, CHUNK - 1, CHUNK, 2**19, 2**20 - 1, 2**20, 2**20 + 10]
    for place in places:
        tensor[place] = 1
        digests.add(digest(tensor))
        tensor[place] = 0
    assert len(digests) == len(places) + 1


def test_order_sign_of_zero_kind_of_nan_and_length_count() -> None:
    quiet = torch.tensor([0x7FC00000, 0x7FC00001], dtype=torch.int32).view(torch.float32)
    different = [
        torch.tensor([1.0, 2.0]),
        torch.tensor([2.0, 1.0]),
        torch.tensor([0.0, 0.0]),
        torch.tensor([-0.0, 0.0]),
        torch.tensor([0.0]),
        torch.tensor([0.0, 0.0, 0.0]),
        torch.zeros(0),
        quiet[:1],
        quiet[1:],
        torch.full((2,), -1, dtype=torch.int32),  # the word that a chunk is filled up with, had it no length
        torch.full((3,), -1, dtype=torch.int32),
    ]
    assert len({digest(one) for one in different}) == len(different)


def test_a_sum_and_what_mirrors_it_do_not_meet() -> None:
    # Whether the mixing loses anything: an arithmetic shift would send x and -x-1 to the same place.
    tensors = torch.tensor([[number] for number in range(-3000, 3000)], dtype=torch.int64)
    rows = {row.tobytes() for row in fingerprints(tensors).digests.numpy()}
    assert len(rows) == len(tensors)


def test_how_a_tensor_lies_in_memory_does_not_count() -> None:
    tensor = noise(2, 6, 50)
    same = [
        tensor.T.contiguous().T,
        noise(2, 6, 50).repeat(1, 2)[:, :50],
        tensor.flip(0).flip(0),
        tensor.unsqueeze(-1).to(memory_format=torch.contiguous_format),
    ]
    assert {digest(one) for one in same} == {digest(tensor)}
    assert digest(torch.tensor(1.5)) == digest(torch.tensor([[1.5]]))


# Norms and sketches


@pytest.mark.parametrize(
    "tensor",
    [
        noise(3, 3, 5000),
        noise(4, 100).to(torch.bfloat16),
        noise(5, 100).to(torch.float16),
        torch.arange(-50, 50),
        torch.tensor([True, False, True]),
        torch.complex(noise(6, 40), noise(7, 40)),
        torch.tensor(-2.5),
        torch.zeros(0),
        torch.full((10,), 1e300, dtype=torch.float64),
        noise(8, 2**20 + 5),
    ],
    ids=lambda tensor: f"{tensor.dtype}{list(tensor.shape)}",
)
def test_the_norm_is_that_of_numpy(tensor: torch.Tensor) -> None:
    wide = tensor.to(torch.complex128).numpy() if tensor.is_complex() else tensor.to(torch.float64).numpy()
    with np.errstate(over="ignore"):
        expected = np.sqrt(np.sum(np.abs(wide.reshape(-1)) ** 2))
    assert float(fingerprints(tensor.unsqueeze(0)).norms[0]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_shows_in_the_norm_and_leaves_the_sketch_finite(odd: float) -> None:
    tensor = noise(9, 2, 300)
    zeroed = tensor.clone()
    tensor[1, 7], zeroed[1, 7] = odd, 0.0
    found, expected = fingerprints(tensor), fingerprints(zeroed)
    assert float(found.norms[0]) == float(expected.norms[0])
    assert torch.isnan(found.norms[1]) if odd != odd else torch.isinf(found.norms[1])
    assert torch.equal(found.sketches, expected.sketches)


def test_the_sketch_is_linear_with_signs_of_one_size() -> None:
    unit = torch.eye(3, 9000)
    sketches = fingerprints(unit).sketches
    assert torch.allclose(sketches.abs(), torch.full((3, SKETCH_SIZE), SKETCH_SIZE**-0.5))
    assert len({tuple(row) for row in sketches.tolist()}) == 3
    combined = fingerprints(2 * unit[:1] - 3 * unit[1:2]).sketches[0]
    assert torch.allclose(combined, 2 * sketches[0] - 3 * sketches[1], atol=1e-6)


def ratios(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> np.ndarray:
    """The estimated distance over the true one, by numpy in float64."""
    found = []
    for one, other in pairs:
        sketches = fingerprints(torch.stack([one, other])).sketches.numpy().astype(np.float64)
        apart = (one.to(torch.float64) - other.to(torch.float64)).numpy()
        found.append(np.linalg.norm(sketches[0] - sketches[1]) / np.linalg.norm(apart))
    return np.array(found)


def spread(value: np.ndarray) -> float:
    return float(np.sqrt(np.mean((value - 1) ** 2)))


def test_random_differences_are_estimated_within_the_documented_error() -> None:
    sizes = np.random.default_rng(10).integers(50, 9000, 300).tolist()
    found = ratios(
        [(noise(n, size), noise(n, size) + 1e-3 * noise(n + 1000, size)) for n, size in enumerate(sizes)]
    )
    assert spread(found**2) < 0.30  # sqrt(2 / 32) = 0.25 for the square
    assert abs(np.mean(found**2) - 1) < 0.06  # 4 standard errors of 300
    assert found.min() > 0.5
    assert found.max() < 1.6


def one_element(tensor: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    changed = tensor.clone()
    changed[rng.integers(tensor.numel())] += 1.0
    return changed


def one_channel(tensor: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    changed = tensor.clone().reshape(16, -1)
    changed[rng.integers(16)] *= 1.01
    return changed.reshape(-1)


def shifted(tensor: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    return tensor + 0.01


@pytest.mark.parametrize(
    ("change", "bound"),
    [(one_element, 1e-4), (one_channel, 0.20), (shifted, 0.30)],
    ids=["element", "channel", "shift"],
)
def test_structured_differences_are_estimated_as_well(change: Any, bound: float) -> None:
    rng = np.random.default_rng(11)
    sizes = (16 * rng.integers(4, 2500, 120)).tolist()
    tensors = [noise(n, size) for n, size in enumerate(sizes)]
    found = ratios([(tensor, change(tensor, rng)) for tensor in tensors])
    assert spread(found) < bound
    assert found.min() > 0.25
    assert found.max() < 2.0


def test_differences_below_the_rounding_of_the_sketch_are_lost_in_a_floor_near_1e_7() -> None:
    for seed in range(20):
        tensor = noise(seed, 5000).to(torch.float64)
        moved = tensor + 1e-10 * noise(seed + 100, 5000)
        found = fingerprints(torch.stack([tensor, moved]))
        apart = (found.sketches[0].double() - found.sketches[1].double()).norm()
        assert float(apart / found.norms[0]) < 1e-7
        larger = fingerprints(torch.stack([tensor, tensor * (1 + 1e-6)]))
        apart = (larger.sketches[0].double() - larger.sketches[1].double()).norm()
        assert float(apart / larger.norms[0]) == pytest.approx(1e-6, rel=0.5)


def test_rows_of_a_batch_have_the_fingerprints_they_have_alone() -> None:
    batch = noise(12, 200, 2 * CHUNK + 5)  # together in slices of one chunk, alone in one slice
    together = fingerprints(batch)
    for number, tensor in enumerate(batch[:5]):
        alone = fingerprints(tensor.unsqueeze(0))
        assert torch.allclose(alone.norms[0], together.norms[number], rtol=1e-14)
        assert torch.allclose(alone.sketches[0], together.sketches[number], rtol=1e-6, atol=1e-6)
    assert all(not torch.equal(one, other) for one, other in pairwise(together.sketches))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_a_gpu_that_looks_at_more_at_once_finds_the_same(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    batch = (noise(5, 3, 40_000) * 100).to(dtype)
    by_slices, at_once = {}, {}
    for size, found in ((3 * CHUNK, by_slices), (2**23, at_once)):
        monkeypatch.setattr("harness.worker.trace.fingerprints._SLICE", size)
        done = fingerprints(batch)
        found.update(digests=done.digests.tolist(), norms=done.norms, sketches=done.sketches)
    assert by_slices["digests"] == at_once["digests"]
    assert torch.allclose(by_slices["norms"], at_once["norms"], rtol=1e-14)
    assert torch.allclose(by_slices["sketches"], at_once["sketches"], rtol=1e-6)


@pytest.mark.gpu
def test_a_gpu_finds_what_a_cpu_finds() -> None:
    batch = noise(6, 3, 5_000_000)
    here, there = fingerprints(batch), fingerprints(batch.cuda())
    assert there.digests.tolist() == here.digests.tolist()
    assert torch.allclose(there.norms.cpu(), here.norms, rtol=1e-12)
    assert torch.allclose(there.sketches.cpu(), here.sketches, rtol=1e-6)
