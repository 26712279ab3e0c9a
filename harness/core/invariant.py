"""The invariants of a case: equalities between a run and a variation of it, which need no golden."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.core.tolerance import Limits, Rule


class InvariantKind(StrEnum):
    """What is done differently in the variation, and must not matter beyond the invariant's limits."""

    BATCH = "batch"
    GENERATOR_STATE = "generator_state"
    OFFLOAD = "offload"
    ATTENTION_SLICING = "attention_slicing"
    VAE_TILING = "vae_tiling"
    HALF = "half"
    SAVE_LOAD = "save_load"
    COMPILE = "compile"


@dataclass(frozen=True, slots=True)
class Invariant:
    """One equality that a case promises, and how exactly it holds.

    `size` is how many samples the batch has, `dtype` the one that stands against the case's own (`half`),
    `components` are those that are compiled; each matters to its kind alone. `devices` are the kinds of
    device that the variation is run on, all of them when it is empty.
    """

    kind: InvariantKind
    allowance: Limits | Rule = Rule.EXACT
    size: int = 2
    dtype: str = "float16"
    components: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()

    @property
    def strength(self) -> float | None:
        """The number that the worker is given with the variation; None for kinds that need none."""
        return float(self.size) if self.kind is InvariantKind.BATCH else None
