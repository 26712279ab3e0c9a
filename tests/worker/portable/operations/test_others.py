"""The table's functions outside torch compute what their names say."""

from __future__ import annotations

import math
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np
import pytest

from harness.worker.portable.operations import others
from harness.worker.portable.operations.operation import array

TABLE: dict[str, Any] = dict(others.operations())


@pytest.mark.parametrize("name", [name for name in others._MATH if hasattr(math, name)])
def test_the_c_librarys_functions_of_each_number(name: str) -> None:
    found = TABLE[f"math {name}"]()
    numbers = [float(number) for number in array(0.01, 0.99, 500)]
    assert found == [getattr(math, name)(number) for number in numbers]
    assert len(set(found)) > 400


def test_powers_have_the_number_as_their_exponent() -> None:
    numbers = array(0.01, 0.99, 500)
    assert TABLE["math pow"]() == pytest.approx(list(np.exp(numbers * math.log(0.3))))


def test_numpy_agrees_with_the_c_library() -> None:
    x = array(0.01, 0.99, 4099)
    for name in ("exp", "log", "sin", "cbrt", "log1p"):
        found = TABLE[f"numpy {name} float64"]()
        assert found[:50].tolist() == pytest.approx([getattr(math, name)(float(one)) for one in x[:50]])
        assert TABLE[f"numpy {name} float32"]().dtype == np.float32


def test_numpys_algebra_undoes_itself() -> None:
    x = array(0.01, 0.99, 4099)
    square = x[:1024].reshape(32, 32) + 4 * np.eye(32)
    assert np.allclose(square @ TABLE["numpy solve float64"](), x[:32])
    assert np.allclose(square @ TABLE["numpy inv float64"](), np.eye(32))
    u, s, v = TABLE["numpy svd float64"]()
    assert np.allclose(u @ np.diag(s) @ v, array(0.01, 0.99, 1024).reshape(32, 32))


def test_strided_numbers_give_what_packed_ones_give() -> None:
    x = array(0.01, 0.99, 1024).reshape(32, 32)
    for found, function in zip(TABLE["numpy strided float64"](), (np.exp, np.log, np.sin), strict=True):
        assert np.allclose(found, function(x[:, ::3].copy()))


def test_the_generators_are_seeded_and_not_the_global_one() -> None:
    state = np.random.get_state()[1].tolist()
    for name in ("numpy random", "numpy random generator"):
        assert np.array_equal(TABLE[name](), TABLE[name]())
    assert np.random.get_state()[1].tolist() == state


def test_scipys_only_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(others, "find_spec", without)
    left = dict(others.operations())
    assert not [name for name in left if name.startswith("scipy")]
    assert left.keys() == {name for name in TABLE if not name.startswith("scipy")}


def test_scipys_functions() -> None:
    pytest.importorskip("scipy")
    x = array(0.01, 0.99, 64)
    assert TABLE["scipy erf"]().tolist() == pytest.approx([math.erf(one) for one in x])
    assert np.allclose(x.reshape(8, 8) @ TABLE["scipy solve"](), x[:8])
    value, _ = TABLE["scipy quad"]()
    grid = np.linspace(0, 2, 20001)
    wave = np.sin(3 * grid) / (1 + grid)
    assert value == pytest.approx(float(((wave[1:] + wave[:-1]) / 2).sum() * (grid[1] - grid[0])), abs=1e-6)
