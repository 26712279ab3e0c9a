"""While it is open no code and no pickle is loaded, whoever asks; afterwards everything is as before."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers.utils import dynamic_modules_utils
from transformers import dynamic_module_utils
from transformers.integrations import hub_kernels

from harness.worker.model_files.sealed import sealed
from harness.worker.rejection import Rejection


def _unpickled(path: Path) -> None:
    with path.open("rb") as file:
        pickle.load(file)


DOORS: dict[str, Callable[[Path], object]] = {
    "torch.load": lambda folder: torch.load(folder / "weights.bin", weights_only=True),
    "pickle.load": lambda folder: _unpickled(folder / "weights.bin"),
    "diffusers": lambda folder: dynamic_modules_utils.get_class_from_dynamic_module(
        str(folder), "own.py", "Own"
    ),
    "a kernel of the hub": lambda _: hub_kernels.get_kernel("nobody/kernel"),
    "transformers": lambda folder: dynamic_module_utils.get_class_from_dynamic_module("own.Own", str(folder)),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.save({"a": torch.ones(1)}, tmp_path / "weights.bin")
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    return tmp_path


@pytest.mark.parametrize("door", DOORS)
def test_nothing_is_run_or_unpickled(folder: Path, door: str) -> None:
    with (
        pytest.raises(Rejection, match=r"^model\.id = 'mine': it asks for ") as refused,
        sealed("model.id", "mine"),
    ):
        DOORS[door](folder)
    assert "can run any code" in refused.value.message or "never run" in refused.value.message
    assert not (folder / "ran").exists()


def test_a_refusal_that_a_library_wrapped_is_still_one(folder: Path) -> None:
    def library() -> None:
        try:
            torch.load(str(folder / "weights.bin"))
        except Exception as error:
            raise OSError("unable to load weights") from error

    with pytest.raises(Rejection, match=r"weights\.bin"), sealed("adapters", "x"):
        library()


def test_other_errors_pass_and_afterwards_both_work_again(folder: Path) -> None:
    before = torch.load, pickle.load
    with pytest.raises(KeyError), sealed("model.id", "mine"):
        raise KeyError("other")
    assert (torch.load, pickle.load) == before
    assert torch.load(folder / "weights.bin", weights_only=True)["a"].item() == 1
