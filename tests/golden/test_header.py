from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from harness.codec import from_json
from harness.core.capture import Acceptance, CaptureDocument
from harness.errors import UnreadableGolden
from harness.golden.header import Header, TensorInfo, header_bytes, read_document, read_header
from harness.golden.store import GoldenStore
from tests.golden.builders import DTYPES, a_case, environment, write_capture

ACCEPTANCE = Acceptance("record", "2026-01-01T00:00:00+00:00", 2, "0.1.0")


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return write_capture(tmp_path / "a.safetensors", {"images": np.arange(3, dtype=np.float32)})


def rewrite(path: Path, change) -> None:  # type: ignore[no-untyped-def]
    """Apply `change` to the header's JSON and keep the data."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    entries = json.loads(data[8 : 8 + length])
    change(entries)
    text = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def change_document(path: Path, **changes: object) -> None:
    def change(entries: dict[str, dict[str, str]]) -> None:
        document = json.loads(entries["__metadata__"]["harness"]) | changes
        entries["__metadata__"]["harness"] = json.dumps(document)

    rewrite(path, change)


def test_document_is_what_was_written(capture: Path) -> None:
    document = read_document(capture)
    assert document.case == "ddim/two"
    assert document.digest == a_case().digest()
    assert document.environment == environment()
    # the bytes of 0, 1 and 2 as float32, spelt out
    expected = hashlib.sha256(bytes.fromhex("000000000000803f00000040")).hexdigest()
    assert document.sha256 == {"output/images": expected}


def test_tensors_lie_where_the_library_finds_them(tmp_path: Path) -> None:
    arrays = {name: np.ones((2, 3), dtype) for name, dtype in DTYPES.items()}
    path = write_capture(
        tmp_path / "a.safetensors", arrays | {"nothing": np.ones((0, 4)), "one": np.float32(7)}
    )
    data = path.read_bytes()
    with path.open("rb") as file:
        tensors = read_header(file, path).tensors
    assert set(tensors) == {f"output/{name}" for name in (*arrays, "nothing", "one")}
    for name, array in arrays.items():
        info = tensors[f"output/{name}"]
        assert (info.dtype, info.shape, info.elements) == (name, (2, 3), 6)
        assert data[info.start : info.stop] == array.tobytes()
    assert (tensors["output/one"].shape, tensors["output/one"].elements) == ((), 1)
    assert (tensors["output/nothing"].shape, tensors["output/nothing"].elements) == ((0, 4), 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_header_bytes_are_valid_for_the_library(tmp_path: Path, dtype: str) -> None:
    array = np.ones((3, 1), DTYPES[dtype])
    path = write_capture(tmp_path / "a.safetensors", {"images": array, "more": np.ones(5, np.int64)})
    with path.open("rb") as file:
        header = read_header(file, path)
    first = min(tensor.start for tensor in header.tensors.values())
    again = tmp_path / "b.safetensors"
    again.write_bytes(header_bytes(header) + path.read_bytes()[first:])
    with safe_open(path, framework="numpy") as ours, safe_open(again, framework="numpy") as theirs:
        assert ours.offset_keys() == theirs.offset_keys()
        for name in header.tensors:
            one, two = ours.get_slice(name), theirs.get_slice(name)
            assert (one.get_dtype(), one.get_shape()) == (two.get_dtype(), two.get_shape())
        assert from_json(CaptureDocument, theirs.metadata()["harness"]) == header.document
    assert len(header_bytes(header)) % 8 == 0


def test_tensors_come_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    arrays = {"a": np.ones(1, np.uint8), "b": np.ones(2), "c": np.ones(3, np.float32)}
    path = write_capture(tmp_path / "a.safetensors", arrays)

    def reverse(entries: dict[str, object]) -> None:
        items = list(entries.items())[::-1]
        entries.clear()
        entries.update(items)

    rewrite(path, reverse)
    with path.open("rb") as file:
        starts = [tensor.start for tensor in read_header(file, path).tensors.values()]
    assert starts == sorted(starts)


def test_header_bytes_without_tensors(tmp_path: Path) -> None:
    document = read_document(write_capture(tmp_path / "a.safetensors", {}, absent=("images",)))
    path = tmp_path / "b.safetensors"
    path.write_bytes(header_bytes(Header(document, {})))
    assert read_document(path) == document


def test_a_truncated_file_is_unreadable(capture: Path) -> None:
    whole = capture.read_bytes()
    for size in [*range(0, len(whole), 5), len(whole) - 1]:
        capture.write_bytes(whole[:size])
        with pytest.raises(
            UnreadableGolden, match=r"a\.safetensors: .*; restore the file from version control"
        ):
            read_document(capture)


def test_appended_bytes_are_unreadable(capture: Path) -> None:
    capture.write_bytes(capture.read_bytes() + b"\0")
    with pytest.raises(UnreadableGolden, match=r"is damaged \(\d+ bytes, but its header describes \d+\)"):
        read_document(capture)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", r"\(0 bytes\)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer.*; .*git lfs pull"),
        (b"<<<<<<< HEAD\nversion https://git-lfs.github.com/spec/v1\n", "conflict of a merge.*git checkout"),
        (b"<<<<<<< HEAD\nversion 1\n", "conflict markers"),
        (b"/annex/objects/SHA256E-s12--ab.safetensors\n", "git-annex pointer.*git annex get"),
        (b"PK\x03\x04 a zip archive", "truncated or not a safetensors file"),
        (struct.pack("<Q", 2) + b"[]", "damaged header"),
        (struct.pack("<Q", 4) + b"{xx}", "damaged header"),
        (struct.pack("<Q", 2) + b"{}", "no document of the harness"),
        (struct.pack("<Q", 200_000) + b"[" * 200_000, "damaged header"),
    ],
)
def test_other_files_are_unreadable(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(UnreadableGolden, match=what):
        read_document(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableGolden, match=r"b\.safetensors: cannot be read \(No such file"):
        read_document(tmp_path / "b.safetensors")
    with pytest.raises(UnreadableGolden, match="is a folder, but a file is expected; move it away"):
        read_document(tmp_path)
    link = tmp_path / "c.safetensors"
    link.symlink_to("../.git/annex/objects/ab/cd.safetensors")
    with pytest.raises(
        UnreadableGolden, match=r"is a link to .*, which does not exist; fetch it: git annex get"
    ):
        read_document(link)


def test_another_schema_version(capture: Path) -> None:
    change_document(capture, schema=2)
    newer = "has schema version 2, but this harness reads 1; a newer one wrote it; upgrade the harness"
    with pytest.raises(UnreadableGolden, match=newer):
        read_document(capture)
    change_document(capture, schema=0)
    with pytest.raises(
        UnreadableGolden,
        match="has schema version 0, but this harness reads 1; an older one wrote it; verify",
    ):
        read_document(capture)


def test_document_that_does_not_validate(capture: Path) -> None:
    change_document(capture, environment="x")
    with pytest.raises(UnreadableGolden, match=r"damaged document \(environment: "):
        read_document(capture)


def test_document_that_is_no_json(capture: Path) -> None:
    rewrite(capture, lambda entries: entries["__metadata__"].update(harness="{"))
    with pytest.raises(UnreadableGolden, match=r"damaged document \(as a whole: "):
        read_document(capture)


@pytest.mark.parametrize("sha256", [{}, {"output/images": "0" * 64, "output/more": "0" * 64}])
def test_digests_that_do_not_match_the_tensors(capture: Path, sha256: dict[str, str]) -> None:
    change_document(capture, sha256=sha256)
    with pytest.raises(UnreadableGolden, match="does not match its tensors"):
        read_document(capture)


@pytest.mark.parametrize("text", ["output/images", "output/nowhere"])
def test_bytes_that_are_not_text(capture: Path, text: str) -> None:
    change_document(capture, text=[text])
    with pytest.raises(UnreadableGolden, match=f"{text} is not text"):
        read_document(capture)


@pytest.mark.parametrize("change", [{"dtype": "F4"}, {"shape": [-1]}, {"data_offsets": [0]}, {"shape": "3"}])
def test_tensor_entries_out_of_order(capture: Path, change: dict[str, object]) -> None:
    rewrite(capture, lambda entries: entries["output/images"].update(change))
    with pytest.raises(UnreadableGolden, match="damaged header"):
        read_document(capture)


def test_str_of_a_tensor() -> None:
    assert str(TensorInfo("output/images", "float32", (1, 2), 0, 8)) == "float32 [1, 2]"


def test_reading_the_document_imports_no_numpy(capture: Path, tmp_path: Path) -> None:
    golden = GoldenStore(tmp_path / "goldens").accept(capture, ACCEPTANCE)
    code = (
        "import sys; from pathlib import Path; from harness.golden.store import GoldenStore\n"
        f"path = Path({str(golden)!r})\n"
        "assert GoldenStore(path.parents[2]).document(path).case == 'ddim/two'\n"
        "print([name for name in ('numpy', 'ml_dtypes', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
