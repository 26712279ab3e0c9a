from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from harness.worker.portable import holes

LSTSQ = "torch.linalg.lstsq gives different bits on different CPUs"

A, B = torch.linspace(0.0, 1.0, 12).reshape(4, 3) + torch.eye(4, 3), torch.ones(4, 2)


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    holes.watch()
    holes.forget()
    yield
    holes.unwatch()
    holes.forget()


def test_a_run_that_uses_none_says_nothing() -> None:
    torch.linalg.solve(torch.eye(3), torch.ones(3, 1))

    assert holes.used("cpu") == ()


def test_the_least_squares_of_torch_are_seen_once_however_they_are_called() -> None:
    torch.linalg.lstsq(A, B)
    torch.linalg.lstsq(A.double(), B.double(), driver="gelss")
    out = (torch.empty(0), torch.empty(0), torch.empty(0, dtype=torch.int64), torch.empty(0))
    torch.linalg.lstsq(A, B, out=out)

    assert holes.used("cpu") == (LSTSQ,)
    # What a GPU's run computes on the CPU comes from the same kernel.
    assert holes.used("cuda") == (LSTSQ,)


def test_a_product_of_bytes_is_seen() -> None:
    one = torch.ones(32, 32, dtype=torch.int8)
    for way in (
        lambda: torch._int_mm(one, one),
        lambda: torch._int_mm(one, one, out=torch.empty(32, 32, dtype=torch.int32)),
    ):
        holes.forget()
        way()
        assert holes.used("cpu") == ("torch._int_mm gives different bits on different CPUs",)


@pytest.mark.filterwarnings("ignore:torch.cholesky is deprecated")
@pytest.mark.parametrize(("rows", "seen"), [(128, False), (129, True)])
def test_a_cholesky_factor_is_seen_where_it_is_computed_block_by_block(rows: int, seen: bool) -> None:
    matrix = torch.eye(rows)
    ways = (
        lambda: torch.linalg.cholesky(matrix),
        lambda: torch.linalg.cholesky_ex(matrix),
        lambda: torch.linalg.cholesky(matrix, out=torch.empty(0)),
        lambda: torch.cholesky(matrix),
        lambda: torch.linalg.cholesky(matrix.expand(2, rows, rows)),
    )
    for way in ways:
        holes.forget()
        way()
        told = ("torch.linalg.cholesky of more than 128 rows gives different bits on different CPUs",)
        assert holes.used("cpu") == (told if seen else ())


def test_what_is_seen_computes_what_it_did() -> None:
    seen = torch.linalg.lstsq(A, B).solution
    holes.unwatch()

    assert torch.allclose(seen, torch.linalg.lstsq(A, B).solution)
    assert torch.allclose(A.T @ A @ seen, A.T @ B, atol=1e-5)


def test_gradients_flow_through_it() -> None:
    a = A.clone().requires_grad_()

    torch.linalg.lstsq(a, B).solution.sum().backward()

    assert a.grad is not None
    assert a.grad.isfinite().all()


def test_every_run_begins_anew() -> None:
    torch.linalg.lstsq(A, B)
    holes.forget()

    assert holes.used("cpu") == ()


def test_watching_twice_is_watching_once() -> None:
    holes.watch()
    torch.linalg.lstsq(A, B)
    holes.unwatch()
    holes.forget()
    torch.linalg.lstsq(A, B)

    assert holes.used("cpu") == ()


def test_code_that_is_compiled_on_the_way_is_seen_on_a_cpu() -> None:
    compiled = torch.compile(lambda x: torch.sin(x) + 1, backend="eager")

    assert not holes.compiled()
    compiled(torch.ones(3))

    assert holes.compiled()
    assert holes.used("cpu") == (holes.COMPILED,)
    assert holes.used("cuda") == ()
    holes.forget()
    assert holes.used("cpu") == ()


def test_where_no_kernel_can_be_called_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    holes.unwatch()
    monkeypatch.delattr(torch.library, "get_kernel")

    holes.watch()
    torch.linalg.lstsq(A, B)

    assert holes.used("cpu") == ()
