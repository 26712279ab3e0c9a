"""Every run has generators of its own, and whoever draws from a global one is found out."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch

from harness.core.case import GeneratorKind
from harness.worker import seeding
from tests.core.samples import case

CPU = torch.device("cpu")


def fresh(seed: int | None = 0, kind: GeneratorKind = GeneratorKind.CPU) -> torch.Generator:
    generator = seeding.fresh_generator(case(seed=seed, generator=kind), CPU)
    assert generator is not None
    return generator


def draws(generator: torch.Generator) -> list[float]:
    return torch.randn(4, generator=generator).tolist()


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**63, 2**64 - 1])
def test_the_generator_is_the_one_that_torch_gives_for_the_seed(seed: int) -> None:
    assert draws(fresh(seed)) == draws(torch.Generator("cpu").manual_seed(seed))
    assert fresh(seed).initial_seed() == seed


def test_each_run_gets_a_generator_that_nobody_has_drawn_from() -> None:
    first = fresh()
    drawn = draws(first)
    second = fresh()
    assert second is not first
    assert draws(second) == drawn
    assert draws(first) != drawn


def test_without_a_seed_two_runs_differ() -> None:
    assert draws(fresh(None)) != draws(fresh(None))


def test_none_gives_no_generator() -> None:
    assert seeding.fresh_generator(case(generator=GeneratorKind.NONE), CPU) is None


def test_cpu_and_device_say_where_it_lives() -> None:
    # The meta device stands for any device that is not the CPU.
    other = torch.device("meta")
    assert seeding.fresh_generator(case(generator=GeneratorKind.CPU), other).device.type == "cpu"  # type: ignore[union-attr]
    assert fresh(kind=GeneratorKind.DEVICE).device.type == "cpu"


@pytest.mark.gpu
def test_a_device_generator_lives_on_the_gpu() -> None:
    generator = seeding.fresh_generator(case(generator=GeneratorKind.DEVICE), torch.device("cuda"))
    assert generator is not None
    assert generator.device.type == "cuda"


def globals_drawn() -> tuple[object, ...]:
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()


@pytest.mark.parametrize("seed", [0, 7, 2**32 + 7, 2**64 - 1])
def test_the_same_seed_gives_the_same_global_draws(seed: int) -> None:
    seeding.seed_globals(seed)
    first = globals_drawn()
    seeding.seed_globals(seed)
    assert globals_drawn() == first


def test_each_global_generator_is_seeded_as_its_library_does() -> None:
    seeding.seed_globals(2**32 + 5)
    numpy, python = np.random.RandomState(5), random.Random(2**32 + 5)
    assert (
        torch.rand(3).tolist() == torch.rand(3, generator=torch.Generator().manual_seed(2**32 + 5)).tolist()
    )
    assert np.random.rand(3).tolist() == numpy.rand(3).tolist()
    assert random.random() == python.random()


def test_unseeded_on_purpose_draws_anew_each_time() -> None:
    drawn = []
    for _ in range(2):
        seeding.seed_globals(0)
        seeding.seed_globals(None)
        drawn.append(globals_drawn())
    assert all(first != second for first, second in zip(*drawn, strict=True))


def consumers() -> dict[str, Callable[[], object]]:
    passed = torch.Generator().manual_seed(0)
    return {
        "torch": lambda: torch.randn(1),
        "numpy": lambda: np.random.randn(),
        "python": random.random,
        "a dropout of torch": lambda: torch.nn.functional.dropout(torch.ones(3)),
        "a second normal of numpy, which moves no counter": lambda: np.random.normal(),
        "the generator passed": lambda: torch.randn(1, generator=passed),
        "a numpy generator of its own": lambda: np.random.default_rng(0).random(),
        "nothing": lambda: None,
    }


@pytest.mark.parametrize(
    ("consumer", "found"),
    [
        ("torch", ("torch",)),
        ("numpy", ("numpy",)),
        ("python", ("python",)),
        ("a dropout of torch", ("torch",)),
        ("a second normal of numpy, which moves no counter", ("numpy",)),
        ("the generator passed", ()),
        ("a numpy generator of its own", ()),
        ("nothing", ()),
    ],
)
def test_drawing_from_a_global_generator_is_found_out(consumer: str, found: tuple[str, ...]) -> None:
    seeding.seed_globals(0)
    # numpy makes normals two at a time and keeps the second.
    np.random.normal()
    before = seeding.global_states()
    consumers()[consumer]()
    assert seeding.drawn_from(before, seeding.global_states()) == found


def test_several_are_named_in_alphabetical_order() -> None:
    before = seeding.global_states()
    globals_drawn()
    assert seeding.drawn_from(before, seeding.global_states()) == ("numpy", "python", "torch")


@pytest.mark.gpu
def test_drawing_on_the_gpu_is_found_out() -> None:
    torch.cuda.init()
    seeding.seed_globals(0)
    before = seeding.global_states()
    torch.randn(1, device="cuda")
    assert seeding.drawn_from(before, seeding.global_states()) == ("cuda",)


@pytest.mark.skipif(torch.cuda.is_initialized(), reason="this process uses CUDA")
def test_a_run_on_the_cpu_never_starts_a_gpu_to_look_at_its_generator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> list[torch.Tensor]:
        raise RuntimeError("CUDA error: unknown error")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", broken)
    assert "cuda" not in seeding.global_states()


def test_a_generator_that_appears_during_the_run_was_not_drawn_from() -> None:
    assert seeding.drawn_from({"torch": b"1"}, {"torch": b"1", "cuda": b"2"}) == ()
