"""The table's elementary functions are tried where they are defined, and compute what their names say."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from harness.worker.portable.operations import pointwise
from harness.worker.portable.operations.operation import SIZES, between, values

TABLE = dict(pointwise.operations())


def tensors(result: Any) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    return [tensor for one in result for tensor in tensors(one)]


def test_every_answer_is_a_number_so_that_its_bits_say_something() -> None:
    odd = {
        name
        for name, operation in TABLE.items()
        if not all(torch.isfinite(one.double()).all() for one in tensors(operation()))
    }
    # Half precision ends at 65504, which is exp(11.09).
    assert odd == {"exp float16"}
    (overflowing,) = tensors(TABLE["exp float16"]())
    x = between(-20.0, 20.0, SIZES[-1], torch.float16)
    assert torch.equal(overflowing.isinf(), x.double().exp() >= 65520)


@pytest.mark.parametrize("name", sorted(pointwise._UNARY))
def test_functions_of_one_number_in_both_precisions_and_sizes(name: str) -> None:
    low, high = pointwise._UNARY[name]
    single, double = (TABLE[f"{name} {dtype}"]() for dtype in ("float32", "float64"))
    for size, one, two in zip(SIZES, single, double, strict=True):  # type: ignore[call-overload]
        assert one.shape == two.shape == (size,)
        x = between(low, high, size)
        assert len(set(x.tolist())) == size  # each input is another number
        wanted = [_by_libm(name)(float(number)) for number in x[:7]]
        assert two[:7].tolist() == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def _by_libm(name: str) -> Any:
    others = {
        "exp2": lambda x: 2.0**x,
        "rsqrt": lambda x: 1 / math.sqrt(x),
        "reciprocal": lambda x: 1 / x,
        "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
        "erfinv": _erfinv,
        "digamma": lambda x: _digamma(x),
    }
    return others.get(name) or getattr(math, name)


def _erfinv(value: float) -> float:
    low, high = -6.0, 6.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < value else (low, middle)
    return low


def _digamma(x: float) -> float:
    # psi(x) = psi(x + n) - sum 1/(x + k); far out its asymptotic series is exact to 1e-14.
    shift, far = 0.0, x
    while far < 20:
        shift, far = shift + 1 / far, far + 1
    series = math.log(far) - 1 / (2 * far) - 1 / (12 * far**2) + 1 / (120 * far**4) - 1 / (252 * far**6)
    return series - shift


def test_powers_and_functions_of_two() -> None:
    positive = between(0.01, 9.0, 4099)
    for exponent in (0.5, -0.5, 2.0, 3.0, 1.0 / 7.0, -1.7):
        found: Any = TABLE[f"pow {exponent:.3g} float64"]()
        assert torch.allclose(found, (positive.log() * exponent).exp())
    one, two = values([4099], torch.float64), values([4099], torch.float64, seed=2)
    assert torch.allclose(TABLE["lerp float64"](), one + 0.3 * (two - one))  # type: ignore[arg-type]
    assert torch.allclose(TABLE["hypot float64"](), (one**2 + two**2).sqrt())  # type: ignore[arg-type]


def test_reductions_along_both_dimensions() -> None:
    x = values([5, 67, 129], torch.float64)
    last, middle = TABLE["sum float64"]()  # type: ignore[misc]
    assert torch.allclose(last, x.cumsum(2)[..., -1])
    assert torch.allclose(middle, x.cumsum(1)[:, -1])


def test_what_is_drawn_is_seeded_and_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    names = [name for name in TABLE if name.startswith("rand") or name.endswith("_") or name == "multinomial"]
    assert len(names) > 8
    for name in names:
        first, again = tensors(TABLE[name]()), tensors(TABLE[name]())
        assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True)), name
    assert torch.equal(torch.get_rng_state(), state)


def test_sums_by_place_add_up() -> None:
    x = (values([2000]) * 8).round()
    for name in ("scatter_add", "index_add", "index_put", "bincount"):
        assert TABLE[name]().sum().item() == pytest.approx((x / 3).sum().item(), abs=0.05)  # type: ignore[attr-defined]
