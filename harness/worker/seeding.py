"""Seed the generators of one run, and detect which global ones the pipeline drew from."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping

import numpy as np
import torch

from harness.core.case import Case, GeneratorKind


def fresh_generator(case: Case, device: torch.device) -> torch.Generator | None:
    """A new generator for one run, on the CPU, on the device, or None; never shared by two runs."""
    if case.generator is GeneratorKind.NONE:
        return None
    generator = torch.Generator("cpu" if case.generator is GeneratorKind.CPU else device)
    if case.seed is None:
        generator.seed()
    else:
        generator.manual_seed(case.seed)
    return generator


def seed_globals(seed: int | None) -> None:
    """Seed torch (all devices), numpy and random; None takes fresh entropy from the operating system."""
    if seed is None:
        torch.seed()
        np.random.seed(None)
        random.seed(None)
    else:
        torch.manual_seed(seed)
        # numpy's legacy generator takes 32 bits.
        np.random.seed(seed % 2**32)
        random.seed(seed)


def global_states() -> Mapping[str, bytes]:
    """A digest of the state of each global generator, by name (torch, cuda, mps, numpy, python).

    That of CUDA only where this process uses CUDA: a run on the CPU takes no memory of a GPU and needs no working one.
    """
    states = {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": repr(np.random.get_state()).encode() + np.random.get_state()[1].tobytes(),  # type: ignore[index,union-attr]
        "python": repr(random.getstate()).encode(),
    }
    if torch.cuda.is_initialized():
        states["cuda"] = b"".join(state.numpy().tobytes() for state in torch.cuda.get_rng_state_all())
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state().numpy().tobytes()
    return {name: hashlib.sha256(state).digest() for name, state in states.items()}


def drawn_from(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[str, ...]:
    """The names of the global generators whose state changed."""
    return tuple(sorted(name for name in after if before.get(name, after[name]) != after[name]))
