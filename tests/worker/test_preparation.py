"""The calls before a run: made in order, with fresh inputs and a generator of their own."""

from __future__ import annotations

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
