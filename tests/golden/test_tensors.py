from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UnreadableGolden
from harness.golden import tensors as module
from harness.golden.tensors import TensorFile, numpy_dtype
from tests.golden.builders import DTYPES, write_capture


def read(path: Path, name: str = "output/images") -> np.ndarray:
    with TensorFile(path) as file:
        pieces = [piece.copy() for piece in file.arrays(name)]
    return np.concatenate(pieces) if pieces else np.empty(0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_keeps_its_bits(tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 32)
    count = 96 // np.dtype(DTYPES[dtype]).itemsize + 1
    raw = np.random.default_rng(0).bytes(count * np.dtype(DTYPES[dtype]).itemsize)
    array = np.frombuffer(raw, DTYPES[dtype])
    path = write_capture(tmp_path / "a.safetensors", {"images": array, "z": np.ones(3, np.int16)})
    read_back = read(path)
    assert read_back.dtype == numpy_dtype(dtype) == array.dtype
    assert read_back.tobytes() == raw


def test_pieces_are_small_and_whole_elements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 64)
    path = write_capture(tmp_path / "a.safetensors", {"images": np.arange(21, dtype=np.float64)})
    with TensorFile(path) as file:
        assert [piece.tolist() for piece in file.arrays("output/images")] == [
            list(range(8)),
            list(range(8, 16)),
            list(range(16, 21)),
        ]


def test_empty_and_0d(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.ones((0, 2)), "one": np.float32(2.5)})
    assert read(path).size == 0
    assert read(path, "output/one").tolist() == [2.5]


def test_every_flipped_bit_of_the_data_is_found(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.arange(4, dtype=np.float32)})
    whole = path.read_bytes()
    for bit in range(16 * 8):
        flipped = bytearray(whole)
        flipped[len(whole) - 16 + bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with (
            TensorFile(path) as file,
            pytest.raises(UnreadableGolden, match="tensor output/images is damaged"),
        ):
            file.verify("output/images")


def test_a_flipped_bit_of_the_header_raises_nothing_else(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.arange(4, dtype=np.float32)})
    whole = path.read_bytes()
    found = 0
    for bit in range(0, (len(whole) - 16) * 8, 29):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            with TensorFile(path) as file:
                for name in file.tensors:
                    file.verify(name)
        except UnreadableGolden:
            found += 1
    assert found > 20


def test_not_safetensors_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"\x80\x04pickled")
    with pytest.raises(
        UnreadableGolden, match=r"a\.safetensors: is truncated or not a safetensors file .*restore"
    ):
        TensorFile(path)


def test_the_library_refuses_what_only_it_can_see(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.arange(4, dtype=np.float32)})
    # the same number of bytes, but three elements of four bytes are not sixteen
    path.write_bytes(path.read_bytes().replace(b'"shape":[4]', b'"shape":[3]'))
    with pytest.raises(UnreadableGolden, match="damaged or not a safetensors file"):
        TensorFile(path)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(UnreadableGolden, match=r"nowhere\.safetensors: cannot be read"):
        TensorFile(tmp_path / "nowhere.safetensors")


def test_truncated_while_open(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.arange(400, dtype=np.float32)})
    with TensorFile(path) as file:
        os.truncate(path, path.stat().st_size - 1)
        with pytest.raises(UnreadableGolden, match="ends early"):
            file.verify("output/images")


def test_an_open_file_is_not_affected_by_its_replacement(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.zeros(4, np.float32)})
    with TensorFile(path) as file:
        write_capture(tmp_path / "b.safetensors", {"images": np.ones(4, np.float32)}).replace(path)
        assert [piece.tolist() for piece in file.arrays("output/images")] == [[0.0] * 4]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts descriptors in /proc")
def test_closed_at_the_end_of_the_object(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "a.safetensors", {"images": np.zeros(4, np.float32)})
    before = len(os.listdir("/proc/self/fd"))
    files = [TensorFile(path) for _ in range(5)]
    assert len(os.listdir("/proc/self/fd")) == before + 5
    files.clear()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
