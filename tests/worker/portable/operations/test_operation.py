"""The numbers that known answers are computed of, and how functions are applied to them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.worker.portable.operations.operation import array, between, named, over, together, values
from harness.worker.synthetic import noise


def test_values_are_the_synthetic_noise_of_the_seed() -> None:
    expected = noise({"shape": [3, 5], "seed": 1, "dtype": "float64"})
    assert isinstance(expected, torch.Tensor)
    assert torch.equal(values([3, 5], torch.float64), expected)
    assert torch.equal(values([3, 5], torch.bfloat16), expected.to(torch.bfloat16))
    assert not torch.equal(values([3, 5], seed=2), values([3, 5]))
    assert abs(values([4099]).mean()) < 0.05
    assert abs(values([4099]).std() - 1) < 0.05


@pytest.mark.parametrize(("low", "high"), [(-20.0, 20.0), (0.1, 9.0), (-1.0, -0.5)])
def test_uniform_numbers_fill_the_range_and_stay_in_it(low: float, high: float) -> None:
    found = between(low, high, 4099)
    assert (found.dtype, found.shape) == (torch.float64, (4099,))
    assert found.min() >= low
    assert found.max() < high
    width = high - low
    assert found.min() < low + 0.01 * width
    assert found.max() > high - 0.01 * width
    assert abs(found.mean() - (low + high) / 2) < 0.02 * width


def test_numpys_numbers_are_the_same_ones() -> None:
    found = array(0.0, 2.0, 7, "float32")
    assert found.dtype == np.float32
    assert found.tolist() == between(0.0, 2.0, 7, torch.float32).tolist()


def test_names_have_no_module_in_them() -> None:
    assert named("conv2d", "1x1", torch.bfloat16) == "conv2d 1x1 bfloat16"
    assert named("dot") == "dot"


def test_several_operations_are_computed_anew_in_order() -> None:
    calls = list[int]()
    both = together(lambda: calls.append(1) or "one", lambda: calls.append(2) or "two")  # type: ignore[func-returns-value]
    assert calls == []
    assert both() == ["one", "two"]
    assert both() == ["one", "two"]
    assert calls == [1, 2, 1, 2]
    doubled = over(lambda x: x * 2, [torch.ones(1), torch.full((1,), 3.0)])()
    assert [one.item() for one in doubled] == [2.0, 6.0]  # type: ignore[attr-defined]
