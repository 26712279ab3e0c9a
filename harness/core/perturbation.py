"""A deliberate change to one run: benign noise, to measure what is legitimate, or a planted fault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Perturbation:
    """What the worker does differently in one run, by its name in the catalogue.

    `strength` (a relative size) is for perturbations that have one, `seed` for those that draw numbers.
    """

    name: str
    strength: float | None = None
    seed: int = 0

    def __str__(self) -> str:
        return self.name if self.strength is None else f"{self.name} {self.strength:g}"
