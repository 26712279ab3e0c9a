"""The calls before a run: made in order, with fresh inputs and a generator of their own."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.core.case import Preparation
from harness.worker.preparation import prepare
from harness.worker.rejection import Rejection
from tests.core.samples import case


class Pipeline:
    """Remembers what it was asked to prepare."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, Any]] = []

    def invert(self, image: Any, generator: torch.Generator | None = None) -> None:
        self.calls.append(("invert", image, generator))

    def warm_up(self, **anything: Any) -> None:
        self.calls.append(("warm_up", anything, None))


def prepared(*steps: Preparation, **changes: Any) -> Pipeline:
    pipeline = Pipeline()
    prepare(pipeline, case(before=steps, **changes), torch.device("cpu"))  # type: ignore[arg-type]
    return pipeline


def test_calls_are_made_in_order_with_their_inputs() -> None:
    gradient = {"$gradient": {"shape": [2, 2], "as": "tensor", "dtype": "float64"}}
    pipeline = prepared(Preparation("warm_up", {"times": 2}), Preparation("invert", {"image": gradient}))
    assert pipeline.calls[0] == ("warm_up", {"times": 2}, None)
    name, image, generator = pipeline.calls[1]
    assert (name, image.tolist(), generator) == ("invert", [[0.0, 0.5], [0.5, 1.0]], None)


def test_a_generator_is_seeded_with_the_case() -> None:
    pipeline = prepared(Preparation("invert", {"image": 1}, generator=True), seed=5)
    assert pipeline.calls[0][2].initial_seed() == 5


def test_a_method_that_is_not_there_is_rejected() -> None:
    with pytest.raises(Rejection, match=r"before.0.method = 'revert': Pipeline has no such method"):
        prepared(Preparation("revert"))


def test_an_argument_that_is_not_taken_is_rejected_naming_those_that_are() -> None:
    with pytest.raises(Rejection, match=r"before.0.call.picture = 1: invert takes: image, generator"):
        prepared(Preparation("invert", {"picture": 1}))


class Styled(Pipeline):
    """A pipeline with a loading method of its own."""

    def load_styles(self, **anything: Any) -> None:
        self.calls.append(("load_styles", anything, None))


def _styled(tmp_path: Path, method: str, **call: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """What the method was given, and the sha256 of the files that count as read."""
    (tmp_path / "one.bin").write_bytes(b"1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/two.bin").write_bytes(b"2")
    (tmp_path / "seven").write_bytes(b"7")
    pipeline = Styled()
    steps = (Preparation(method, call),)
    files = prepare(pipeline, case(before=steps, base=str(tmp_path)), torch.device("cpu"))  # type: ignore[arg-type]
    return pipeline.calls[0][1], {name: file.sha256 for name, file in files.items()}


def test_paths_are_those_beside_the_config_however_deep_they_stand(tmp_path: Path) -> None:
    given, read = _styled(
        tmp_path, "load_styles", styles=["one.bin", {"second": "folder"}], names={"a": "./seven"}, scale=0.5
    )

    assert given["styles"] == [str(tmp_path / "one.bin"), {"second": str(tmp_path / "folder")}]
    assert (given["names"], given["scale"]) == ({"a": str(tmp_path / "seven")}, 0.5)
    assert read == {
        "before[0].call.styles[0]: one.bin": hashlib.sha256(b"1").hexdigest(),
        "before[0].call.styles[1].second: folder/two.bin": hashlib.sha256(b"2").hexdigest(),
        "before[0].call.names.a: ./seven": hashlib.sha256(b"7").hexdigest(),
    }


def test_another_method_is_given_text_as_text_and_paths_that_are_plainly_paths(tmp_path: Path) -> None:
    given, read = _styled(tmp_path, "warm_up", prompt="seven", places=("./one.bin", "./absent"))

    assert given["prompt"] == "seven"
    assert list(given["places"]) == [str(tmp_path / "one.bin"), "./absent"]
    assert list(read) == ["before[0].call.places[0]: ./one.bin"]
