"""Plain data, and what counts as the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.worker.state.plain import is_data, same


@pytest.mark.parametrize(
    "value", [None, 1, "a", torch.float32, [1, {"a": (2.0,)}], torch.ones(1), np.ones(1)]
)
def test_data(value: object) -> None:
    assert is_data(value)


@pytest.mark.parametrize(
    "value", [print, object(), torch.nn.Linear(1, 1), torch.nn.Parameter(torch.ones(1)), [len]]
)
def test_no_data(value: object) -> None:
    assert not is_data(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [(float("nan"), float("nan")), (300.5, float("300.5")), ((1, "a"), (1, "a")), ([].append,) * 2],
)
def test_the_same(one: object, other: object) -> None:
    assert same(one, other)


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0.0, -0.0), ([], []), (np.float32(1), 1.0)])
def test_not_the_same(one: object, other: object) -> None:
    assert not same(one, other)


def test_a_method_is_the_same_whenever_it_is_looked_up() -> None:
    module = torch.nn.Linear(1, 1)
    assert same(module.forward, module.forward)
    assert not same(module.forward, torch.nn.Linear(1, 1).forward)
