"""Operations outside torch that schedulers and processors use: numpy's, scipy's, the C library's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from harness.worker.portable.operations.operation import Named, array, together

_NUMPY = (
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "sin", "cos", "tan"),
    *("arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arctanh", "reciprocal", "square"),
)
_NUMPY_SUMS = (np.sum, np.mean, np.std, np.cumsum)
_MATH = ("exp", "log", "log2", "sin", "cos", "tan", "acos", "atan", "sinh", "tanh", "erf", "gamma", "cbrt")


def operations() -> Iterator[Named]:
    """Every one by name; scipy's if it is installed."""
    for dtype in ("float32", "float64"):
        yield from _numpy(dtype)
    half = array(-3.0, 3.0, 515, "float16")
    yield "numpy half", together(partial(np.exp, half), partial(np.float32, half))
    yield from _numpy_algebra()
    yield "numpy random", lambda: np.random.RandomState(0).randn(99)
    yield "numpy random generator", lambda: np.random.default_rng(0).normal(size=99)
    if find_spec("scipy") is not None:
        yield from _scipy()
    numbers = [float(x) for x in array(0.01, 0.99, 500)]
    for name in filter(lambda name: hasattr(math, name), _MATH):
        yield f"math {name}", partial(_each, getattr(math, name), numbers)
    yield "math pow", partial(_each, partial(pow, 0.3), numbers)


def _each(function: object, numbers: list[float]) -> list[float]:
    assert callable(function)
    return [function(number) for number in numbers]


def _numpy(dtype: str) -> Iterator[Named]:
    x, y = array(0.01, 0.99, 4099, dtype), array(0.01, 0.99, 4099, dtype)[::-1].copy()
    for name in _NUMPY:
        yield f"numpy {name} {dtype}", partial(getattr(np, name), x)
    yield f"numpy power {dtype}", together(partial(np.power, x, y), partial(np.power, x, 1 / 7))
    yield f"numpy arctan2 {dtype}", partial(np.arctan2, x, y)
    yield f"numpy sums {dtype}", together(*(partial(function, x) for function in _NUMPY_SUMS))
    yield f"numpy dot {dtype}", partial(np.dot, x, y)
    square = x[:1024].reshape(32, 32) + 4 * np.eye(32, dtype=dtype)
    yield f"numpy matmul {dtype}", partial(np.matmul, square, square)
    yield f"numpy solve {dtype}", partial(np.linalg.solve, square, x[:32])
    yield f"numpy inv {dtype}", partial(np.linalg.inv, square)
    yield f"numpy eigvalsh {dtype}", partial(np.linalg.eigvalsh, square + square.T)
    yield f"numpy interp {dtype}", partial(np.interp, x, np.sort(y[:50]), x[:50])
    yield f"numpy linspace {dtype}", partial(np.linspace, x[0], x[1], 50, dtype=dtype)
    yield f"numpy fft {dtype}", together(partial(np.fft.fft, x[:90]), partial(np.fft.rfft, x[:128]))


def _numpy_algebra() -> Iterator[Named]:
    for dtype in ("float32", "float64"):
        x = array(0.01, 0.99, 1024, dtype).reshape(32, 32)
        for name, function in (("svd", np.linalg.svd), ("qr", np.linalg.qr), ("eig", np.linalg.eig)):
            yield f"numpy {name} {dtype}", partial(function, x)
        yield f"numpy lstsq {dtype}", partial(np.linalg.lstsq, x[:, :5], x[:, 7], None)
        yield f"numpy polyfit {dtype}", partial(np.polyfit, x[0], x[1], 3)
        yield f"numpy fft2 {dtype}", partial(np.fft.fft2, x)
        apart = together(*(partial(function, x[:, ::3]) for function in (np.exp, np.log, np.sin)))
        yield f"numpy strided {dtype}", apart
        numbers = x + 1j * x.T
        both = together(*(partial(function, numbers) for function in (np.exp, np.log, np.sqrt, np.abs)))
        yield f"numpy complex {dtype}", together(both, partial(np.matmul, numbers, numbers))


def _scipy() -> Iterator[Named]:
    integrate, linalg, special, stats = (
        import_module(f"scipy.{name}") for name in ("integrate", "linalg", "special", "stats")
    )
    x = array(0.01, 0.99, 64)
    # Diffusers' schedulers use these for beta sigmas and the coefficients of LMS.
    yield "scipy beta", partial(stats.beta.ppf, x, 0.6, 0.6)
    yield "scipy quad", partial(integrate.quad, _wave, 0.0, 2.0, epsrel=1e-4)
    for name in ("erf", "expit", "gammaln", "softmax"):
        yield f"scipy {name}", partial(getattr(special, name), x)
    yield "scipy solve", partial(linalg.solve, x.reshape(8, 8), x[:8])
    yield "scipy expm", partial(linalg.expm, x.reshape(8, 8))
    interpolate, signal = import_module("scipy.interpolate"), import_module("scipy.signal")
    yield "scipy spline", lambda: interpolate.CubicSpline(np.arange(64.0), x)(np.linspace(0.0, 63.0, 99))
    yield "scipy resample", together(partial(signal.resample, x, 99), partial(signal.fftconvolve, x, x[:7]))


def _wave(t: float) -> float:
    return math.sin(3 * t) / (1 + t)
