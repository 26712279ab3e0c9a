"""State that an object keeps out of Python's sight is read, and put back where it can be."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tokenizers  # comes with transformers
import torch

from harness.worker.state.probes import probe_of

FOUR = tokenizers.Tokenizer(tokenizers.models.BPE())


@pytest.mark.parametrize(
    ("owner", "change"),
    [
        (torch.Generator(), lambda owner: torch.rand(1, generator=owner)),
        (np.random.default_rng(0), lambda owner: owner.random()),
        (np.random.RandomState(0), lambda owner: owner.rand()),
        (random.Random(0), lambda owner: owner.random()),
        (FOUR, lambda owner: owner.enable_truncation(4)),
        (FOUR, lambda owner: owner.enable_padding(length=4)),
    ],
)
def test_what_can_be_put_back(owner: Any, change: Callable[[Any], object]) -> None:
    probe = probe_of("here", owner)
    assert probe is not None
    assert not probe.changed()
    change(owner)
    assert probe.changed()
    assert probe.restored()
    assert not probe.changed()


@pytest.mark.parametrize(
    ("owner", "change"),
    [
        (np.zeros(3), lambda owner: owner.fill(1)),
        (np.zeros(3_000_000), lambda owner: owner.fill(1)),
        (bytearray(3), lambda owner: owner.append(1)),
        (functools.lru_cache(abs), lambda owner: owner(3)),
        (FOUR, lambda owner: owner.add_tokens(["<word>"])),
        (FOUR, lambda owner: setattr(owner, "normalizer", tokenizers.normalizers.Lowercase())),
    ],
)
def test_what_cannot_be_put_back(owner: Any, change: Callable[[Any], object]) -> None:
    probe = probe_of("here", owner)
    assert probe is not None
    assert not probe.changed()
    change(owner)
    assert probe.changed()
    assert not probe.restored()


def test_nobody_can_say_that_an_unknown_object_did_not_change() -> None:
    probe = probe_of("here", itertools.count())
    assert probe is not None
    assert probe.changed()
    assert not probe.restored()
    assert probe.where == "here (nothing can look into a count)"


def test_an_object_of_python_has_nothing_hidden() -> None:
    assert probe_of("here", torch.nn.Linear(1, 1)) is None
