"""Tensors that were changed, replaced or moved are told apart from those that only look so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from harness.worker.state.tensors import Tensors

Parameter = torch.nn.Parameter


def changed(change: Callable[[Parameter], object], *, thorough: bool, size: int = 1000) -> list[str]:
    first, second = Parameter(torch.arange(float(size)).reshape(-1, 10)), Parameter(torch.ones(3))
    tensors = Tensors([("first", first), ("second", second), ("again", first)])
    assert list(tensors.changes(thorough=thorough)) == []
    with torch.no_grad():
        change(first)
    return [one.where for one in tensors.changes(thorough=thorough)]


def add(weight: Parameter) -> None:
    weight.add_(1)


def add_behind(weight: Parameter) -> None:
    weight.data.add_(1)


def replace(weight: Parameter) -> None:
    weight.data = weight.data * 2


@pytest.mark.parametrize("change", [add, add_behind, replace])
@pytest.mark.parametrize("thorough", [False, True])
def test_a_change_of_the_whole_is_seen(change: Callable[[Parameter], object], thorough: bool) -> None:
    assert "first" in changed(change, thorough=thorough)


def one_behind(weight: Parameter) -> None:
    weight.detach().numpy()[-1, -1] = 5


def turned(weight: Parameter) -> None:
    weight.data = weight.data.view(10, -1)


def freed(weight: Parameter) -> None:
    weight.requires_grad_(False)


def with_gradient(weight: Parameter) -> None:
    weight.grad = torch.zeros_like(weight)


@pytest.mark.parametrize("change", [one_behind, turned, freed, with_gradient])
def test_the_rest_is_seen_by_a_thorough_look(change: Callable[[Parameter], object]) -> None:
    assert "first" in changed(change, thorough=True)


def back(weight: Parameter) -> None:
    weight.data.mul_(2).div_(2)
    weight.copy_(weight.clone())


def through_another_dtype(weight: Parameter) -> None:
    weight.data = weight.data.double()
    weight.data = weight.data.float()


@pytest.mark.parametrize("change", [back, through_another_dtype])
def test_the_same_bits_are_no_change(change: Callable[[Parameter], object]) -> None:
    assert changed(change, thorough=True) == []


def test_what_moved_with_the_same_bits_is_looked_at_where_it_is_now() -> None:
    weight = Parameter(torch.ones(100))
    tensors = Tensors([("weight", weight)])
    weight.data = weight.data.clone()
    assert list(tensors.changes(thorough=False)) == []
    weight.data.add_(1)
    assert [one.where for one in tensors.changes(thorough=False)] == ["weight"]


def test_tensors_that_cannot_be_read_are_known_by_what_they_are() -> None:
    with torch.inference_mode():
        inference = torch.ones(3)
    meta, sparse = torch.ones(3, device="meta"), torch.eye(3).to_sparse()
    tensors = Tensors([("inference", inference), ("meta", meta), ("sparse", sparse)])
    assert list(tensors.changes(thorough=True)) == []
    with torch.inference_mode():
        inference.mul_(2)
    assert [one.where for one in tensors.changes(thorough=True)] == ["inference"]
