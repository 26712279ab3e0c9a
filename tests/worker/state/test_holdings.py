"""What a container holds is put back where it is data, and told where it is more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.worker.state.holdings import Change, Entries, Holdings, Items, Slots


def after(held: dict[str, Any], change: Callable[[dict[str, Any]], object], **options: bool) -> list[Change]:
    holdings = Holdings([Entries("it", held, **{"restorable": True, **options})])
    assert list(holdings.changes(thorough=True)) == []
    change(held)
    return list(holdings.changes(thorough=True))


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.update(a=2),
        lambda held: held.update(new=[1, "a"]),
        lambda held: held.pop("b"),
        lambda held: held.update(a=held.pop("a")),
        lambda held: held.clear(),
    ],
)
def test_data_is_put_back_in_its_order(change: Callable[[dict[str, Any]], object]) -> None:
    held: dict[str, Any] = {"a": 1, "b": None}
    found = after(held, change)
    assert found
    assert all(one.undone for one in found)
    assert list(held.items()) == [("a", 1), ("b", None)]


@pytest.mark.parametrize("value", [print, torch.nn.Linear(1, 1), object()])
def test_what_computes_is_told(value: object) -> None:
    assert after({"a": 1}, lambda held: held.update(a=value)) == [Change("it.a", False)]


def test_a_table_of_hooks_is_nothing_but_its_entries() -> None:
    table: dict[str, Any] = {"1": len}
    assert after(table, lambda held: held.update({"2": print}), hooks=True) == [Change("it.2", True)]
    assert table == {"1": len}


def test_another_table_of_parts_is_told() -> None:
    found = after({"_modules": {}, "a": 1}, lambda held: held.update(_modules={}))
    assert found == [Change("it._modules", False)]


def test_an_equal_number_made_anew_is_no_change_and_one_of_another_type_is() -> None:
    assert after({"a": 300.5}, lambda held: held.update(a=float("300.5"))) == []
    assert after({"a": 1}, lambda held: held.update(a=1.0)) == [Change("it.a", True)]


def test_tensors_and_arrays_can_be_compared_quickly_too() -> None:
    held: dict[str, Any] = {"a": torch.ones(3), "b": 1}
    kept, holdings = held["a"], Holdings([Entries("it", held, restorable=True)])
    held["a"] = torch.ones(3)
    assert list(holdings.changes(thorough=False)) == [Change("it.a", True)]
    assert held["a"] is kept


def test_a_list_of_data_is_put_back_and_a_set_is_not() -> None:
    items, members = [1, 2], {1}
    watched = Items("items", items), Items("members", members)
    items.append(3)
    members.add(2)
    assert [list(one.changes()) for one in watched] == [[Change("items", True)], [Change("members", False)]]
    assert items == [1, 2]


class Slotted:
    __slots__ = ("a", "b")


def test_a_slot_that_is_filled_is_told() -> None:
    owner = Slotted()
    owner.a = 1
    slots = Slots("it", owner, ("a", "b"))
    assert list(slots.changes()) == []
    owner.b = 2
    assert list(slots.changes()) == [Change("it.b", False)]
