"""What the tests inside this process share: torch's switches and random states are put back after each."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from harness.core.case import Attention, Determinism
from harness.worker.environment import determinism


@pytest.fixture(autouse=True)
def _torch_put_back() -> Iterator[None]:
    threads, numbers, python = torch.get_num_threads(), np.random.get_state(), random.getstate()
    state, fill = torch.get_rng_state(), torch.are_deterministic_algorithms_enabled()
    yield
    determinism.apply(Determinism(attention=Attention.DEFAULT), threads)
    torch.use_deterministic_algorithms(fill)
    torch.set_rng_state(state)
    np.random.set_state(numbers)
    random.setstate(python)


@pytest.fixture
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let diffusers export the pipelines of `fakes`."""
    import diffusers

    from tests.worker import fakes

    for pipeline in fakes.ALL:
        monkeypatch.setattr(diffusers, pipeline.__name__, pipeline, raising=False)
