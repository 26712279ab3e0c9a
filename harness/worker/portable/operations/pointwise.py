"""Operations on single numbers: elementary functions, activations, powers, sums, and random numbers."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch.nn import functional

from harness.worker.portable.operations.operation import (
    FLOATS,
    HALVES,
    SIZES,
    Named,
    between,
    named,
    over,
    together,
    values,
)

_UNARY: Mapping[str, tuple[float, float]] = {
    "exp": (-20.0, 20.0),
    "exp2": (-20.0, 20.0),
    "expm1": (-3.0, 3.0),
    "log": (1e-6, 50.0),
    "log2": (1e-6, 50.0),
    "log10": (1e-6, 50.0),
    "log1p": (-0.9, 9.0),
    "sqrt": (0.0, 50.0),
    "rsqrt": (1e-3, 50.0),
    "reciprocal": (1e-3, 50.0),
    "sin": (-40.0, 40.0),
    "cos": (-40.0, 40.0),
    "tan": (-1.5, 1.5),
    "asin": (-1.0, 1.0),
    "acos": (-1.0, 1.0),
    "atan": (-9.0, 9.0),
    "sinh": (-5.0, 5.0),
    "cosh": (-5.0, 5.0),
    "tanh": (-5.0, 5.0),
    "asinh": (-5.0, 5.0),
    "acosh": (1.0, 9.0),
    "atanh": (-0.99, 0.99),
    "erf": (-4.0, 4.0),
    "erfc": (-4.0, 4.0),
    "erfinv": (-0.99, 0.99),
    "sigmoid": (-9.0, 9.0),
    "lgamma": (0.1, 9.0),
    "digamma": (0.1, 9.0),
}
"""torch's functions of one number and the range of their inputs; most go through MKL's vector library."""

_SPECIAL: Mapping[str, tuple[float, float]] = {
    "i0": (0.0, 12.0),
    "i0e": (0.0, 12.0),
    "ndtr": (-4.0, 4.0),
    "ndtri": (0.01, 0.99),
    "log_ndtr": (-4.0, 4.0),
    "erfcx": (-1.0, 9.0),
    "logit": (0.01, 0.99),
    "sinc": (-3.0, 3.0),
}
"""The same for torch.special: windows of vocoders, truncated normal numbers."""

_IN_HALF = ("exp", "sqrt", "tanh", "sigmoid", "erf", "rsqrt")

_ACTIVATIONS = ("silu", "gelu", "mish", "softplus", "elu", "selu", "hardswish", "logsigmoid", "softsign")

_EXPONENTS = (0.5, -0.5, 2.0, 3.0, 1.0 / 7.0, -1.7)

_REDUCTIONS = (torch.sum, torch.mean, torch.std, torch.var, torch.cumsum, torch.logsumexp)


def operations() -> Iterator[Named]:
    """Every one by name."""
    yield from _elementary()
    yield from _special()
    yield from _activations()
    yield from _in_half()
    yield from _of_two()
    yield from _reductions()
    yield from _random()
    yield from _ordering()


def _elementary() -> Iterator[Named]:
    for name, (low, high) in _UNARY.items():
        function = getattr(torch, name)
        for dtype in FLOATS:
            yield named(name, dtype), over(function, [between(low, high, size, dtype) for size in SIZES])
        for dtype in HALVES if name in _IN_HALF else ():
            yield named(name, dtype), over(function, [between(low, high, SIZES[-1], dtype)])


def _special() -> Iterator[Named]:
    for dtype in FLOATS:
        for name, (low, high) in _SPECIAL.items():
            function = getattr(torch.special, name)
            yield named(name, dtype), over(function, [between(low, high, size, dtype) for size in SIZES])
        one, two = values([4099], dtype), between(0.1, 9.0, 4099, dtype)
        for function in (torch.logaddexp, torch.xlogy, torch.remainder, torch.float_power):
            yield named(function.__name__, dtype), partial(function, two, one.abs())
        yield named("logcumsumexp", dtype), partial(torch.logcumsumexp, one, 0)
        windows = (torch.hann_window, torch.hamming_window, torch.blackman_window, torch.kaiser_window)
        yield named("windows", dtype), together(*(partial(window, 65, dtype=dtype) for window in windows))
        steps = (partial(torch.linspace, 0.029, 0.11, 1000, dtype=dtype), partial(torch.logspace, -3, 2, 99))
        yield named("linspace", dtype), together(*steps)


def _activations() -> Iterator[Named]:
    for name in _ACTIVATIONS:
        for dtype in (torch.float32, torch.bfloat16):
            inputs = [values([size], dtype) for size in SIZES]
            yield named(name, dtype), over(getattr(functional, name), inputs)
    yield "gelu tanh", partial(functional.gelu, values([4099]), approximate="tanh")


def _in_half() -> Iterator[Named]:
    """Operations other than products with separate code for half precision."""
    for dtype in HALVES:
        x, positive = values([4099], dtype), between(0.05, 9.0, 4099, dtype)
        unit = between(-0.99, 0.99, 4099, dtype)
        for name in ("sin", "cos", "log", "tan", "atan", "log1p", "expm1", "erfinv", "reciprocal"):
            yield named(name, dtype), partial(getattr(torch, name), unit.abs() if name == "log" else unit)
        for exponent in (0.5, -0.5, 3.0, 1.0 / 7.0):
            yield named("pow", f"{exponent:.3g}", dtype), partial(torch.pow, positive, exponent)
        of_two = (partial(torch.div, x, positive), partial(torch.lerp, x, positive, 0.3))
        yield named("of two", dtype), together(*of_two, partial(torch.addcdiv, x, x, positive, value=0.3))
        for to in (torch.float8_e4m3fn, torch.float8_e5m2):
            yield named("float8", to, dtype), together(partial(x.to, to), partial(x.to(to).to, dtype))
    for name in _ACTIVATIONS:
        half = values([SIZES[-1]], torch.float16)
        yield named(name, torch.float16), partial(getattr(functional, name), half)


def _of_two() -> Iterator[Named]:
    for dtype in FLOATS:
        one, two = values([4099], dtype), values([4099], dtype, seed=2)
        for name in ("atan2", "div", "hypot"):
            yield named(name, dtype), partial(getattr(torch, name), one, two)
        yield named("addcdiv", dtype), partial(torch.addcdiv, one, one, two, value=0.3)
        yield named("lerp", dtype), partial(torch.lerp, one, two, 0.3)
        positive = between(0.01, 9.0, 4099, dtype)
        for exponent in _EXPONENTS:
            yield named("pow", f"{exponent:.3g}", dtype), partial(torch.pow, positive, exponent)
        yield named("pow tensor", dtype), partial(torch.pow, positive, one)


def _reductions() -> Iterator[Named]:
    for dtype in (*FLOATS, *HALVES):
        x = values([5, 67, 129], dtype)
        for function in (*_REDUCTIONS, functional.softmax, functional.log_softmax):
            both = together(partial(function, x, dim=-1), partial(function, x, dim=1))
            yield named(function.__name__, dtype), both
    x = values([3, 4099])
    yield "sum all", over(torch.sum, [x, x.double(), x.bfloat16()])
    yield "norm", over(torch.linalg.vector_norm, [x, x.double(), x.bfloat16()])
    yield "cumprod", partial(torch.cumprod, 1 + x / 99, 1)
    yield "quantile", partial(torch.quantile, x, 0.995, 1)


def _random() -> Iterator[Named]:
    for dtype in (*FLOATS, *HALVES):
        yield named("randn", dtype), partial(_drawn, torch.Tensor.normal_, dtype)
    for name in ("uniform_", "exponential_"):
        yield name, partial(_drawn, getattr(torch.Tensor, name), torch.float32)
    for name in ("log_normal_", "cauchy_", "bernoulli_"):
        yield name, over(partial(_drawn, getattr(torch.Tensor, name)), FLOATS)
    yield "trunc_normal_", partial(_drawn, torch.nn.init.trunc_normal_, torch.float32)
    yield "randperm", lambda: torch.randperm(99, generator=_seeded())
    weights = between(0.0, 1.0, 50, torch.float32)
    yield "multinomial", lambda: torch.multinomial(weights, 9, generator=_seeded())


def _drawn(fill: object, dtype: torch.dtype) -> list[torch.Tensor]:
    assert callable(fill)
    return [fill(torch.empty(size, dtype=dtype), generator=_seeded()) for size in SIZES]


def _seeded() -> torch.Generator:
    return torch.Generator("cpu").manual_seed(0)


def _ordering() -> Iterator[Named]:
    x = (values([2000]) * 8).round()
    places = torch.arange(2000) * 7 % 13
    yield (
        "sort",
        together(partial(torch.sort, x), partial(torch.sort, x, stable=True), partial(torch.topk, x, 50)),
    )
    yield "argmax", partial(torch.argmax, x)
    yield "scatter_add", partial(torch.scatter_add, torch.zeros(13), 0, places, x / 3)
    yield "index_add", partial(torch.index_add, torch.zeros(13), 0, places, x / 3)
    yield "bincount", partial(torch.bincount, places, x.double() / 3)
    for reduce in ("sum", "prod", "mean", "amax"):
        reduced = partial(torch.scatter_reduce, torch.ones(13), 0, places, x / 3, reduce)
        yield f"scatter_reduce {reduce}", reduced
    yield "index_put", partial(torch.index_put, torch.zeros(13), (places,), x / 3, accumulate=True)
    yield (
        "unique",
        together(partial(torch.unique, x), partial(torch.median, x), partial(torch.kthvalue, x, 70)),
    )
    yield "cdist", partial(torch.cdist, x.reshape(20, 100), x.reshape(20, 100) / 3)
    yield "round half", partial(operator.truediv, x.half(), 3)
