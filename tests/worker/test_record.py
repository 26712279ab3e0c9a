"""A capture file holds outputs and trace bit for bit, and a document that describes them."""

from __future__ import annotations

import hashlib
import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from harness.codec import from_json
from harness.core.capture import CaptureDocument, Timings
from harness.core.trace import ComponentStructure, Structure, TraceLevel
from harness.golden.tensors import TensorFile
from harness.golden.trace import read_trace
from harness.worker import record
from harness.worker.outputs import Outputs
from harness.worker.trace.recorder import Recorded, Recorder
from harness.worker.trace.tree import Found
from tests.core.samples import ENVIRONMENT, case

CASE = case(call={"eta": 0.5})


def written_file(folder: Path, outputs: Outputs | None = None, **changes: Any) -> Path:
    """The path of a capture of `outputs`."""
    path = folder / "captures" / "digits" / "capture.safetensors"
    options = {"seconds": Timings(0.5, 1.5), "global_rngs": (), "filled_in": {}, "warnings": ()}
    options |= {"commit": None, "weights": {}}
    record.write_capture(path, CASE, outputs or Outputs(), ENVIRONMENT, **{**options, **changes})
    assert [file.name for file in path.parent.iterdir()] == ["capture.safetensors"]
    return path


def written(
    folder: Path, outputs: Outputs, **changes: Any
) -> tuple[dict[str, torch.Tensor], CaptureDocument]:
    """Everything in a capture of `outputs`, read by the library's own loader, and the document."""
    path = written_file(folder, outputs, **changes)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, from_json(CaptureDocument, file.metadata()["harness"])


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.float8_e4m3fn,
        torch.uint16,
        torch.bool,
        torch.complex64,
    ],
    ids=str,
)
def test_a_tensor_comes_back_with_dtype_shape_and_bits(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.tensor([[1.0, 0.0, 1.0]]).to(dtype)
    tensors, document = written(tmp_path, Outputs({"images": tensor}))
    found = tensors["output/images"]
    assert (found.dtype, found.shape) == (dtype, (1, 3))
    raw = found.view(torch.uint8).numpy().tobytes()
    assert raw == tensor.view(torch.uint8).numpy().tobytes()
    assert document.sha256 == {"output/images": hashlib.sha256(raw).hexdigest()}


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3)], ids=str)
def test_0d_and_empty_tensors_come_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tensors, document = written(tmp_path, Outputs({"x": torch.ones(shape)}))
    assert tensors["output/x"].shape == shape
    raw = b"\x00\x00\x80\x3f" if shape == () else b""
    assert document.sha256 == {"output/x": hashlib.sha256(raw).hexdigest()}


def test_a_complex_number_of_doubles_is_stored_as_pairs(tmp_path: Path) -> None:
    tensors, _ = written(tmp_path, Outputs({"x": torch.tensor([1 + 2j], dtype=torch.complex128)}))
    assert (tensors["output/x"].dtype, tensors["output/x"].tolist()) == (torch.float64, [[1.0, 2.0]])


@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_a_complex_number_of_halves_is_stored_as_pairs(tmp_path: Path) -> None:
    tensors, _ = written(tmp_path, Outputs({"x": torch.tensor([1 + 2j]).to(torch.complex32)}))
    assert (tensors["output/x"].dtype, tensors["output/x"].tolist()) == (torch.float16, [[1.0, 2.0]])


@pytest.mark.parametrize("text", ["eine Sieben €", ""])
def test_text_is_stored_as_utf8_and_named_as_text(tmp_path: Path, text: str) -> None:
    tensors, document = written(tmp_path, Outputs(text={"caption": text}))
    assert bytes(tensors["output/caption"].tolist()).decode() == text
    assert document.text == ("output/caption",)
    assert document.sha256 == {"output/caption": hashlib.sha256(text.encode()).hexdigest()}


def test_the_document_says_what_was_run_where_and_how(tmp_path: Path) -> None:
    _, document = written(
        tmp_path,
        Outputs({"images": torch.zeros(1)}, absent=("nsfw",)),
        global_rngs=("numpy",),
        filled_in={"output_type": "np"},
        commit="1" * 40,
        weights={"unet": "ab"},
        warnings=("unet was loaded in train mode",),
        process="forked",
    )
    assert document == CaptureDocument(
        schema=1,
        case="digits",
        definition={
            "pipeline": "DDIMPipeline",
            "model": {"id": "builtin:ddpm-digits"},
            "seed": 0,
            "generator": "cpu",
            "steps": 2,
            "call": {"eta": 0.5},
            "determinism": {"portable": True},
        },
        digest=CASE.digest(),
        environment=ENVIRONMENT,
        sha256={"output/images": hashlib.sha256(bytes(4)).hexdigest()},
        seconds=Timings(0.5, 1.5),
        absent=("nsfw",),
        global_rngs=("numpy",),
        filled_in={"output_type": "np"},
        commit="1" * 40,
        weights={"unet": "ab"},
        warnings=("unet was loaded in train mode",),
        process="forked",
    )


def test_an_output_without_any_tensor_is_a_capture_too(tmp_path: Path) -> None:
    tensors, document = written(tmp_path, Outputs(absent=("images",)))
    assert (tensors, document.sha256, document.absent) == ({}, {}, ("images",))


def test_a_capture_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written_file(tmp_path, Outputs({"x": torch.zeros(1)}))

    def full_disk(_header: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record, "header_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        written_file(tmp_path, Outputs({"x": torch.ones(1)}))
    assert [file.name for file in path.parent.iterdir()] == ["capture.safetensors"]
    with safe_open(path, framework="pt") as file:
        assert file.get_tensor("output/x").tolist() == [0.0]


# Traces


def recorded(folder: Path, *tensors: torch.Tensor, level: TraceLevel = TraceLevel.FULL) -> Recorded:
    """A trace of one event for each tensor."""
    recorder = Recorder(level, folder / "spool")
    for tensor in tensors:
        recorder.whole("unet", "forward", Found([("sample", tensor)], {"scale": 0.5}))
    recorder.name_class("unet", "library.Network")
    return recorder.finish(Structure({"unet": ComponentStructure("library.Network", {"layers": 2})}))


FLOWED = (
    torch.tensor([1.0, 2.0, 3.0]),
    torch.tensor([True, False, True]),
    torch.tensor([[1.5]], dtype=torch.float64),
    torch.tensor([1.0, 2.0, 3.0]),
    torch.zeros(0),
    torch.tensor(7, dtype=torch.int16),
)
RAW = [FLOWED[place].reshape(-1).view(torch.uint8).numpy().tobytes() for place in range(6)]


def test_a_trace_lies_beside_the_outputs_under_names_of_its_own(tmp_path: Path) -> None:
    tensors, document = written(
        tmp_path, Outputs({"images": torch.zeros(3)}), recorded=recorded(tmp_path, *FLOWED)
    )
    parts = ("events", "structure", "order", "rows", "digests", "norms", "sketches", "places", "bits")
    assert tensors.keys() == document.sha256.keys() == {"output/images", *(f"trace/{name}" for name in parts)}
    index = json.loads(bytes(tensors["trace/events"].tolist()))
    assert (index["level"], index["classes"]) == ("full", {"unet": "library.Network"})
    structure = json.loads(bytes(tensors["trace/structure"].tolist()))
    assert structure["components"]["unet"]["config"] == {"layers": 2}
    assert tensors["trace/rows"].tolist() == [0, 1, 2, 0, 3, 4]
    assert tensors["trace/norms"].tolist() == pytest.approx([14**0.5, 2**0.5, 1.5, 0.0, 7.0])
    assert {name: (str(one.dtype), one.shape[1:]) for name, one in tensors.items()} == {
        "output/images": ("torch.float32", ()),
        "trace/events": ("torch.uint8", ()),
        "trace/structure": ("torch.uint8", ()),
        "trace/order": ("torch.int32", (4,)),
        "trace/rows": ("torch.int32", ()),
        "trace/digests": ("torch.uint8", (16,)),
        "trace/norms": ("torch.float64", ()),
        "trace/sketches": ("torch.float32", (32,)),
        "trace/places": ("torch.int64", ()),
        "trace/bits": ("torch.uint8", ()),
    }


def test_kept_bytes_are_in_the_capture_at_their_places(tmp_path: Path) -> None:
    tensors, document = written(tmp_path, Outputs(), recorded=recorded(tmp_path, *FLOWED))
    bits = bytes(tensors["trace/bits"].tolist())
    for row, raw in zip([0, 1, 2, 0, 3, 4], RAW, strict=True):
        place = int(tensors["trace/places"][row])
        assert bits[place : place + len(raw)] == raw
    assert len(bits) == 12 + 3 + 8 + 0 + 2
    for name, tensor in tensors.items():
        raw = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        assert document.sha256[name] == hashlib.sha256(raw).hexdigest()


def test_the_reader_of_traces_reads_it(tmp_path: Path) -> None:
    path = written_file(tmp_path, Outputs(), recorded=recorded(tmp_path, *FLOWED))
    with TensorFile(path) as file:
        trace = read_trace(file)
    assert trace is not None
    assert [event.key for event in trace.events] == [("unet.forward", number) for number in range(6)]
    listed = {1: {"in:sample": [True, False, True]}, 5: {"in:sample": 7}}
    for event, raw in zip(trace.events, RAW, strict=True):
        assert trace.raw(event.inputs[0], event.signature.inputs[0]) == raw
        assert event.values == {"scale": 0.5} | listed.get(event.index, {})
    assert trace.same(trace.events[0].inputs[0], trace, trace.events[3].inputs[0])


@pytest.mark.parametrize(
    ("outputs", "flowed"),
    [
        ({"a": torch.zeros(1, dtype=torch.bool), "b": torch.zeros(3)}, FLOWED[:1]),
        ({"a": torch.zeros(3, dtype=torch.bfloat16), "b": torch.zeros(2, dtype=torch.complex64)}, FLOWED),
        ({"a": torch.zeros(5, dtype=torch.int8), "empty": torch.zeros(0, dtype=torch.float64)}, FLOWED[1:2]),
    ],
)
def test_every_tensor_is_aligned_to_its_dtype(
    tmp_path: Path, outputs: dict[str, torch.Tensor], flowed: tuple[torch.Tensor, ...]
) -> None:
    text = {"caption": "odd"}
    path = written_file(tmp_path, Outputs(outputs, text=text), recorded=recorded(tmp_path, *flowed))
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__")
    sizes = {"F64": 8, "I64": 8, "C64": 8, "F32": 4, "I32": 4, "BF16": 2, "U8": 1, "I8": 1, "BOOL": 1}
    assert length % 8 == 0
    assert {entry["data_offsets"][0] % sizes[entry["dtype"]] for entry in header.values()} == {0}
    ends = sorted(tuple(entry["data_offsets"]) for entry in header.values())
    assert all(one[1] == other[0] for one, other in pairwise(ends))
    assert path.stat().st_size == 8 + length + ends[-1][1]


def test_without_kept_tensors_there_are_no_bits(tmp_path: Path) -> None:
    tensors, _ = written(
        tmp_path, Outputs(), recorded=recorded(tmp_path, *FLOWED, level=TraceLevel.COMPONENTS)
    )
    assert "trace/bits" not in tensors
    assert set(tensors["trace/places"].tolist()) == {-1}


def test_what_was_spooled_is_copied_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[int] = []
    original = shutil.copyfileobj

    def copying(source: Any, target: Any, length: int) -> None:
        pieces.append(length)
        original(source, target, length)

    monkeypatch.setattr(shutil, "copyfileobj", copying)
    large = torch.arange(2**20, dtype=torch.int32)
    tensors, _ = written(tmp_path, Outputs(), recorded=recorded(tmp_path, large))
    assert tensors["trace/bits"].view(torch.int32).equal(large)
    assert pieces
    assert max(pieces) <= 2**22


def test_tensors_without_elements_are_stored(tmp_path: Path) -> None:
    """Also those that numpy gives strides of 0, such as the trace of a pipeline that calls nothing."""
    empty = {"a": torch.from_numpy(np.empty((0, 4), np.int32)), "b": torch.empty(3, 0, dtype=torch.float64)}
    tensors, document = written(tmp_path, Outputs(empty))
    assert {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()} == {
        "output/a": (torch.int32, (0, 4)),
        "output/b": (torch.float64, (3, 0)),
    }
    assert set(document.sha256.values()) == {hashlib.sha256(b"").hexdigest()}
