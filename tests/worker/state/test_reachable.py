"""Everything that an object holds is reached, wherever it holds it."""

from __future__ import annotations

import functools
from typing import Any

import torch

from harness.worker.state.reachable import Reached, Walk

EIGHT = torch.zeros(8)


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held: object) -> None:
        self.held = held


class Own:
    """A class that counts as the user's own."""

    shared = ([torch.zeros(7)],)


class Leaf:
    def __init__(self) -> None:
        self.inside = torch.zeros(9)


def reached(root: object) -> Reached:
    walk = Walk((Leaf,), lambda kind: kind is Own)
    walk.start("it", root)
    return walk.finish()


def test_what_only_leaves_hold_is_found_afterwards() -> None:
    leaf, tensor = Leaf(), torch.zeros(3)
    leaf.also, leaf.deeper = tensor, [torch.zeros(2)]  # type: ignore[attr-defined]
    walk = Walk((Leaf,), lambda kind: False)
    walk.start("it", {"tensor": tensor, "leaf": leaf})
    found, inside = walk.finish(), walk.into_leaves()
    assert [one.numel() for _, one in found.tensors] == [3]
    assert [(where, one.numel()) for where, one in inside.tensors] == [
        ("it.leaf.deeper.0", 2),
        ("it.leaf.inside", 9),
    ]


def sizes(root: object) -> list[int]:
    return sorted(tensor.numel() for _, tensor in reached(root).tensors)


def holding(tensor: torch.Tensor) -> Any:
    def function() -> torch.Tensor:
        return tensor

    return function


def test_through_attributes_collections_slots_closures_and_defaults() -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    module.table = {"list": [torch.zeros(2)], "tuple": ({"deep": torch.zeros(3)},)}
    module.slotted = Slotted(torch.zeros(4))
    module.function = holding(torch.zeros(5))
    module.part = functools.partial(print, torch.zeros(6))
    module.default = lambda value=EIGHT: value
    module.leaf = Leaf()
    assert sizes(module) == [1, 2, 3, 4, 5, 6, 8]


def test_into_classes_of_the_users_own_only() -> None:
    assert sizes(Own()) == [7]


def test_each_is_reached_once_also_in_a_circle() -> None:
    circle: list[Any] = [torch.zeros(1)]
    circle += [circle, circle[0]]
    assert sizes(circle) == [1]


def test_paths_are_those_of_the_code() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False))
    assert [where for where, _ in reached(module).tensors] == ["it._modules.0._parameters.weight"]
