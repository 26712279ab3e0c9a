"""A capture file holds the outputs bit for bit, and a document that describes them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from harness.codec import from_json
from harness.core.capture import CaptureDocument, Timings
from harness.worker import record
from harness.worker.outputs import Outputs
from tests.core.samples import ENVIRONMENT, case

CASE = case(call={"eta": 0.5})


def written(
    folder: Path, outputs: Outputs, **changes: Any
) -> tuple[dict[str, torch.Tensor], CaptureDocument]:
    path = folder / "captures" / "digits" / "capture.safetensors"
    options = {"seconds": Timings(0.5, 1.5), "global_rngs": (), "filled_in": {}, "warnings": ()}
    options |= {"commit": None, "weights": {}}
    record.write_capture(path, CASE, outputs, ENVIRONMENT, **{**options, **changes})
    assert [file.name for file in path.parent.iterdir()] == ["capture.safetensors"]
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
    )


def test_an_output_without_any_tensor_is_a_capture_too(tmp_path: Path) -> None:
    tensors, document = written(tmp_path, Outputs(absent=("images",)))
    assert (tensors, document.sha256, document.absent) == ({}, {}, ("images",))


def test_a_capture_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, Outputs({"x": torch.zeros(1)}))

    def half_a_file(_tensors: object, path: Path, **_options: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record, "save_file", half_a_file)
    with pytest.raises(OSError, match="No space left"):
        written(tmp_path, Outputs({"x": torch.ones(1)}))
    assert [file.name for file in (tmp_path / "captures/digits").iterdir()] == ["capture.safetensors"]
    with safe_open(tmp_path / "captures/digits/capture.safetensors", framework="pt") as file:
        assert file.get_tensor("output/x").tolist() == [0.0]
