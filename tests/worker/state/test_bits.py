"""The bits of a storage: a digest sees every one of them, a sample some."""

from __future__ import annotations

import pytest
import torch

from harness.worker.state import bits


@pytest.mark.parametrize("count", [1, 3, 4096, 100_003])
@pytest.mark.parametrize("at", [0, -1])
def test_a_digest_sees_a_change_at_either_end(count: int, at: int) -> None:
    tensor = torch.arange(count, dtype=torch.float32)
    before = bits.digest(tensor.untyped_storage())
    assert bits.digest(tensor.clone().untyped_storage()) == before
    tensor[at] += 0.5
    assert bits.digest(tensor.untyped_storage()) != before


def test_a_digest_sees_what_changed_places() -> None:
    tensor = torch.arange(50_000, dtype=torch.float32)
    before = bits.digest(tensor.untyped_storage())
    assert bits.digest(tensor.flip(0).untyped_storage()) != before


def test_a_sample_is_the_memory_itself_and_does_not_own_it() -> None:
    tensor = torch.zeros(1000)
    sample = bits.sample(tensor.untyped_storage())
    tensor.fill_(1.0)
    assert sample.view(torch.float32).eq(1.0).all()
    assert 0 < sample.nbytes < tensor.nbytes
    assert sample.untyped_storage().data_ptr() != tensor.untyped_storage().data_ptr()


def test_a_small_storage_is_its_own_sample_and_an_empty_one_has_none() -> None:
    assert bits.sample(torch.zeros(3).untyped_storage()).nbytes == 12
    assert bits.sample(torch.zeros(0).untyped_storage()).nbytes == 0
