from __future__ import annotations

from typing import Any

import torch
from diffusers.utils import torch_utils

from tests.worker.perturb.planting import ddim, planted
from tests.worker.trace.runs import seeded

SHAPE = (2, 1, 3, 3)


def drawn(generator: torch.Generator, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    """Asked for by the module's own name, as pipelines do."""
    return torch_utils.randn_tensor(
        shape, generator=generator, device=torch.device("cpu"), dtype=torch.float32
    )


def faulty(name: str, strength: float | None = None, draws: int = 1) -> list[torch.Tensor]:
    generator = seeded(3)
    with planted(ddim(), f"seeding.{name}", strength) as perturbed:
        found = [drawn(generator) for _ in range(draws)]
        assert perturbed.acted
    return found


def plain(generator: torch.Generator, **options: Any) -> torch.Tensor:
    return torch.randn(SHAPE, generator=generator, **options)


def test_other_seed_goes_on_from_the_next_seed() -> None:
    generator = seeded(4)
    for found in faulty("other_seed", draws=2):
        assert torch.equal(found, plain(generator))


def test_extra_draw_comes_once() -> None:
    generator = seeded(3)
    torch.randn(1, generator=generator)
    for found in faulty("extra_draw", draws=2):
        assert torch.equal(found, plain(generator))


def test_reseeded_noise_is_the_same_again() -> None:
    for found in faulty("reseeded", draws=3):
        assert torch.equal(found, plain(seeded(3)))


def test_other_stream_is_that_of_float64() -> None:
    [found] = faulty("other_stream")
    assert found.dtype == torch.float32
    assert torch.equal(found, plain(seeded(3), dtype=torch.float64).float())


def test_noise_scaled() -> None:
    [found] = faulty("noise_scaled", 0.5)
    assert torch.equal(found, plain(seeded(3)) * 1.5)


def test_noise_shared() -> None:
    [found] = faulty("noise_shared")
    first = plain(seeded(3))[0]
    assert torch.equal(found, torch.stack([first, first]))


def test_noise_transposed() -> None:
    [found] = faulty("noise_transposed")
    assert torch.equal(found, plain(seeded(3)).transpose(-1, -2))


def test_global_noise_counts_as_well() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        with planted(ddim(), "seeding.other_seed"):
            found = torch.randn(3)
        torch.manual_seed(6)
        assert torch.equal(found, torch.randn(3))
