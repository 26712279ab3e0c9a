"""Every draw is told of once, whoever draws from which generator, and afterwards nothing listens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch
from diffusers.utils import torch_utils

from harness.worker.trace import noise


class Draws:
    """Remembers the draws and lets them happen."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.results: list[Any] = []

    def __call__(self, name: str, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.names.append(name)
        self.results.append(original(*args, **kwargs))
        return self.results[-1]


@contextmanager
def listening() -> Iterator[Draws]:
    draws = Draws()
    with ExitStack() as stack:
        noise.listen_to_draws(draws, stack)
        yield draws


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("randn", lambda: torch.randn(3)),
        ("rand", lambda: torch.rand(3)),
        ("randn_like", lambda: torch.randn_like(torch.zeros(3))),
        ("rand_like", lambda: torch.rand_like(torch.zeros(3))),
        ("randint", lambda: torch.randint(0, 1000, (3,))),
        ("randperm", lambda: torch.randperm(50)),
        ("normal", lambda: torch.normal(0.0, 1.0, (3,))),
        ("bernoulli", lambda: torch.bernoulli(torch.full((50,), 0.5))),
        ("multinomial", lambda: torch.multinomial(torch.ones(50), 20)),
        ("normal_", lambda: torch.zeros(3).normal_()),
        ("uniform_", lambda: torch.zeros(3).uniform_()),
        ("random_", lambda: torch.zeros(3).random_()),
        ("exponential_", lambda: torch.zeros(3).exponential_()),
        ("bernoulli_", lambda: torch.zeros(50).bernoulli_()),
    ],
)
def test_torchs_own_draws_are_told_of_and_give_the_same_numbers(name: str, draw: Any) -> None:
    torch.manual_seed(0)
    expected = draw()
    torch.manual_seed(0)
    with listening() as draws:
        found = draw()
    assert draws.names == [name]
    assert torch.equal(found, expected)


def test_randn_tensor_is_told_of_wherever_it_was_imported_to() -> None:
    from diffusers.pipelines.ddim import pipeline_ddim
    from diffusers.schedulers import scheduling_ddpm

    modules: list[Any] = [torch_utils, pipeline_ddim, scheduling_ddpm]
    expected = torch_utils.randn_tensor((2, 3), generator=seeded(1))
    with listening() as draws:
        found = [module.randn_tensor((2, 3), generator=seeded(1)) for module in modules]
    assert all(torch.equal(one, expected) for one in found)
    assert [name for name in draws.names if name == "randn_tensor"] == ["randn_tensor"] * 3


def test_afterwards_everything_is_what_it_was_also_after_an_error() -> None:
    def state() -> dict[str, Any]:
        holders = {name: module for name, module in sys.modules.items() if isinstance(module, ModuleType)}
        held = {name: vars(module).get("randn_tensor") for name, module in holders.items()}
        torches = {name: vars(torch).get(name) for name in ("randn", "rand", "normal", "randint", "poisson")}
        methods = {
            name: vars(torch.Tensor).get(name, "absent") for name in ("normal_", "uniform_", "random_")
        }
        return {**held, **torches, **methods}

    before = state()
    with listening():
        assert state() != before
    assert state() == before
    with pytest.raises(RuntimeError), listening():
        torch.randn(-1)
    assert state() == before
    assert before["normal_"] == "absent"


def test_a_module_imported_meanwhile_is_put_right_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("imported_meanwhile")
    original = torch_utils.randn_tensor
    with listening() as draws:
        module.randn_tensor = torch_utils.randn_tensor
        monkeypatch.setitem(sys.modules, "imported_meanwhile", module)
        module.randn_tensor((1,))
    assert module.randn_tensor is original
    assert "randn_tensor" in draws.names


def test_what_is_no_module_in_the_table_of_modules_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class Explosive:
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

    monkeypatch.setitem(sys.modules, "explosive", Explosive())  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "nothing", None)  # type: ignore[arg-type]
    with listening() as draws:
        torch.randn(1)
    assert draws.names == ["randn"]


# Generators


def test_generators_are_found_among_arguments_and_in_lists() -> None:
    first, second = seeded(0), seeded(1)
    assert noise.generators(((2, 3), first), {}) == [first]
    assert noise.generators(((2, 3),), {"generator": [first, second]}) == [first, second]
    assert noise.generators((torch.zeros(1), [1, 2]), {"generator": None}) == []


def test_the_state_tells_whether_and_how_far_a_generator_moved() -> None:
    generator = seeded(0)
    states = [noise.state_of([generator])]
    for _ in range(2):
        torch.randn(4, generator=generator)
        states.append(noise.state_of([generator]))
    assert len(set(states)) == 3
    assert noise.state_of([seeded(0)]) == states[0]
    pairs = ([0, 1], [1, 0], [0, 2])
    assert len({noise.state_of([seeded(seed) for seed in pair]) for pair in pairs}) == 3
    assert len(bytes.fromhex(states[0])) == 8


def test_without_a_generator_the_state_is_the_global_ones() -> None:
    torch.manual_seed(3)
    before = noise.state_of([])
    torch.randn(1)
    assert noise.state_of([]) != before
    torch.manual_seed(3)
    assert noise.state_of([]) == before


def test_where_the_generators_live() -> None:
    assert noise.device_of([]) == "global"
    assert noise.device_of([seeded(0)]) == "cpu"
    assert noise.device_of([seeded(0), seeded(1)]) == "cpu"
