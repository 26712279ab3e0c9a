from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch

from harness.worker.portable import elementary


@pytest.fixture
def installed():
    elementary.install()
    yield
    elementary.uninstall()


NUMBERS = torch.linspace(1e-4, 3.0, 20_001)


def test_without_it_torchs_square_root_is_not_correctly_rounded_on_this_build():
    if not torch.backends.mkl.is_available():
        pytest.skip("this build of torch computes without MKL")

    assert not elementary.is_correctly_rounded()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_way_to_a_square_root_rounds_correctly(installed, dtype):
    numbers = NUMBERS.to(dtype)
    # The exact root, rounded once: 60 digits are far more than either dtype has.
    exact = torch.tensor([_root(float(x)) for x in numbers[::500]], dtype=torch.float64).to(dtype)

    for way in (torch.sqrt(numbers), numbers**0.5, numbers.clone().sqrt_(), numbers.clone().pow_(0.5)):
        assert torch.equal(way[::500], exact)
    assert elementary.is_correctly_rounded()


def _root(x: float) -> float:
    """The square root by whole-number arithmetic, rounded down to 60 digits, then to the nearest float64."""
    numerator, denominator = x.as_integer_ratio()
    return math.isqrt(numerator * 10**120 // denominator) / 10**60


@pytest.mark.parametrize(
    ("function", "reference", "low", "high"),
    [
        (torch.tan, np.tan, -1.5, 1.5),
        (torch.asin, np.arcsin, -1.0, 1.0),
        (torch.acos, np.arccos, -1.0, 1.0),
        (torch.atan, np.arctan, -9.0, 9.0),
    ],
)
def test_the_arc_functions_and_the_tangent_are_numpys(installed, function, reference, low, high):
    numbers = torch.linspace(low, high, 4001, dtype=torch.float64)

    for ours in (numbers, numbers.float()):
        assert np.array_equal(function(ours).numpy(), reference(ours.numpy()))


@pytest.mark.parametrize(
    "shape",
    [(), (0,), (3,), (2, 5)],
)
def test_shapes_stay(installed, shape):
    assert torch.ones(shape).sqrt().shape == shape


def test_the_layout_of_the_result_is_torchs_own():
    inputs = [
        torch.rand(6, 8)[:, ::2],
        torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.rand(3, 1).expand(3, 4),
        torch.rand(4, 5).T,
    ]
    before = [x.sqrt().stride() for x in inputs]
    elementary.install()
    try:
        assert [x.sqrt().stride() for x in inputs] == before
    finally:
        elementary.uninstall()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.complex64, torch.complex128])
@pytest.mark.parametrize("exponent", [0.5, 2.0, 1.7])
def test_other_dtypes_and_exponents_keep_torchs_own_kernels(dtype, exponent):
    x = torch.rand(515, generator=torch.Generator().manual_seed(0)).to(dtype)
    before = (x.sqrt(), x**exponent, torch.rand(9, generator=torch.Generator().manual_seed(1)) ** 1.7)
    elementary.install()
    try:
        after = (x.sqrt(), x**exponent, torch.rand(9, generator=torch.Generator().manual_seed(1)) ** 1.7)
        assert all(torch.equal(one, two) for one, two in zip(before, after, strict=True))
    finally:
        elementary.uninstall()


def test_whole_numbers_become_floats(installed):
    assert torch.arange(5).sqrt().tolist() == np.sqrt(np.arange(5, dtype=np.float32)).tolist()
    assert (torch.tensor([4, 9]) ** 0.5).dtype is torch.float32
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.arange(3).sqrt_()


def test_gradients_flow(installed):
    x = torch.tensor([4.0, 9.0], requires_grad=True)

    (x.sqrt() + x**0.5).sum().backward()

    assert x.grad is not None
    assert torch.allclose(x.grad, 1 / x.detach() ** 0.5)


def test_the_out_argument_is_filled_resized_and_cast(installed):
    out = torch.empty(0, dtype=torch.float64)

    assert torch.sqrt(torch.tensor([4.0, 9.0]), out=out) is out
    assert out.tolist() == [2.0, 3.0]


OUTS = {
    "of another size": lambda: (NUMBERS[:9], torch.empty(4)),
    "empty, for a transposed tensor": lambda: (NUMBERS[:20].reshape(4, 5).T, torch.empty(0)),
    "overlapping in part": lambda: (lambda both: (both[:8], both[1:]))(NUMBERS[:9].clone()),
    "in one place": lambda: (NUMBERS[:9], torch.empty(1).expand(9)),
    "of whole numbers": lambda: (NUMBERS[:9], torch.empty(9, dtype=torch.int64)),
    "complex": lambda: (NUMBERS[:9], torch.empty(9, dtype=torch.complex64)),
}


@pytest.mark.parametrize("given", OUTS.values(), ids=OUTS)
@pytest.mark.parametrize("function", [torch.sqrt, torch.tan, lambda x, out: torch.pow(x, 0.5, out=out)])
def test_what_is_written_into_is_accepted_refused_and_resized_as_torch_does(function, given):
    def told() -> object:
        x, out = given()
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                result = function(x, out=out)
            except RuntimeError as error:
                return str(error)
        assert result is out
        assert torch.allclose(out, function(x, out=torch.empty_like(x)).to(out.dtype))
        return out.shape, out.stride(), out.dtype, [str(one.message) for one in heard]

    before = told()
    elementary.install()
    try:
        assert told() == before
    finally:
        elementary.uninstall()


def test_a_complex_output_holds_the_correctly_rounded_roots(installed):
    out = torch.empty(NUMBERS.shape, dtype=torch.complex64)

    assert np.array_equal(torch.sqrt(NUMBERS, out=out).real.numpy(), np.sqrt(NUMBERS.numpy()))


@pytest.mark.parametrize("inplace", [torch.sqrt_, lambda x: x.pow_(0.5)])
def test_numbers_in_one_place_cannot_be_changed_in_place(installed, inplace):
    numbers = torch.tensor([4.0]).expand(3)

    with pytest.raises(RuntimeError, match="refers to a single memory location"):
        inplace(numbers)
    assert numbers.tolist() == [4.0] * 3


@pytest.mark.parametrize("function", [torch.sqrt, torch.tan, lambda x: x**0.5, lambda x: x.sqrt_()])
def test_floats_of_eight_bits_are_refused_in_torchs_words(installed, function):
    with pytest.raises(NotImplementedError, match="not implemented for 'Float8_e4m3fn'"):
        function(torch.ones(3).to(torch.float8_e4m3fn))


def test_negative_numbers_give_nan_without_a_warning(installed):
    assert torch.tensor([-1.0]).sqrt().isnan().all()
    assert torch.tensor([-0.0]).sqrt().signbit().all()


def test_compiled_mapped_and_listed_calls_reach_it(installed):
    x = NUMBERS[:9].clone()
    exact = np.sqrt(x.numpy())

    assert np.array_equal(torch.vmap(torch.sqrt)(x.reshape(3, 3)).numpy().reshape(-1), exact)
    assert np.array_equal(torch._foreach_sqrt([x])[0].numpy(), exact)
    with torch.inference_mode():
        assert np.array_equal(x.sqrt().numpy(), exact)


def test_it_can_be_taken_away(installed):
    before = elementary.is_correctly_rounded()
    elementary.uninstall()

    assert before
    assert elementary.is_correctly_rounded() is not torch.backends.mkl.is_available()
