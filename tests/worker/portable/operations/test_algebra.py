"""The table's linear algebra computes what its names say: each is compared with the definition."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.worker.portable.operations import algebra
from harness.worker.portable.operations.operation import values

TABLE = dict(algebra.operations())


def test_products_are_those_of_their_sizes() -> None:
    linear, product = TABLE["linear 33x320x77 float64"]()  # type: ignore[misc]
    one, two = values([33, 320], torch.float64), values([77, 320], torch.float64, seed=2)
    exact = (one[:, None] * two[None]).sum(-1)
    assert torch.allclose(product, exact)
    assert torch.allclose(linear, exact + values([77], torch.float64, seed=3))
    batch = TABLE["bmm float64"]()
    einsum: Any = TABLE["einsum float64"]()
    assert torch.allclose(einsum, batch.sum(0))  # type: ignore[attr-defined]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_backends_compute_attention(dtype: str) -> None:
    query, key, value = (values([2, 3, 77, 40], torch.float64, seed=seed) for seed in (1, 2, 3))
    exact = ((query @ key.mT) / 40**0.5).softmax(-1) @ value
    answers: list[Any] = [TABLE[f"attention {backend} {dtype}"]() for backend in ("math", "flash_attention")]
    for found in answers:
        assert torch.allclose(found.double(), exact, atol=1e-5)
    # They add in another order: equal bits would mean that one of them was computed twice.
    assert not torch.equal(*answers)


def test_masks_causality_and_fewer_heads_count() -> None:
    masked, causal, grouped = TABLE["attention masked math float32"]()  # type: ignore[misc]
    query, key, value = (values([1, 4, 65, 64], seed=seed) for seed in (1, 2, 3))
    scores = query @ key.mT / 8
    assert torch.allclose(masked, (scores + values([1, 1, 65, 65], seed=4)).softmax(-1) @ value, atol=1e-5)
    assert torch.allclose(causal[..., 0, :], value[..., 0, :], atol=1e-5), "the first sees itself alone"
    key, value = (one[:, :2].repeat_interleave(2, dim=1) for one in (key, value))
    assert torch.allclose(grouped, (query @ key.mT * 0.3).softmax(-1) @ value, atol=1e-5)


def test_decompositions_put_together_give_the_matrix() -> None:
    a = values([24, 24], torch.float64) + 6 * torch.eye(24, dtype=torch.float64)
    u, s, v = TABLE["svd float64"]()  # type: ignore[misc]
    assert torch.allclose(u @ torch.diag(s) @ v, a)
    q, r = TABLE["qr float64"]()  # type: ignore[misc]
    assert torch.allclose(q @ r, a)
    p, lower, upper = TABLE["lu float64"]()  # type: ignore[misc]
    assert torch.allclose(p @ lower @ upper, a)
    assert torch.allclose(a @ TABLE["inv float64"](), torch.eye(24, dtype=torch.float64))  # type: ignore[operator]
    factor: Any = TABLE["cholesky float64"]()
    assert torch.allclose(factor @ factor.T, a + a.T + 30 * torch.eye(24, dtype=torch.float64))


def test_quantised_weights_are_scaled_column_by_column() -> None:
    weights = (values([64, 128], seed=2) * 40).clamp(-128, 127).to(torch.int8)
    exact = values([33, 128]) @ weights.float().T * values([64], seed=3).abs() / 100
    assert torch.allclose(TABLE["int8 weights float32"](), exact, rtol=1e-4, atol=1e-3)  # type: ignore[arg-type]


def test_transforms_of_sizes_that_are_powers_composite_and_prime() -> None:
    for size in (64, 90, 97):
        whole, half, _ = TABLE[f"fft {size} float64"]()  # type: ignore[misc]
        x = values([3, size], torch.float64)
        turns = torch.outer(torch.arange(size), torch.arange(size)).double() / size
        exact = x.to(torch.complex128) @ torch.polar(torch.ones_like(turns), -2 * torch.pi * turns)
        assert torch.allclose(whole, exact)
        assert torch.allclose(half, exact[:, : size // 2 + 1])


def test_complex_numbers() -> None:
    x = torch.complex(values([515]), values([515], seed=2))
    assert torch.allclose(TABLE["abs complex64"]()[0], (x.real**2 + x.imag**2).sqrt())  # type: ignore[index]
    polar: Any = TABLE["polar"]()
    assert torch.allclose(polar.real, values([515]).abs() * values([515]).cos(), atol=1e-6)
