"""Which two goldens of a history are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.golden.store import GoldenStore
from harness.review.difference import difference
from harness.review.log import history
from tests.support.git import Repository
from tests.support.pretend import Pretend


@pytest.fixture
def store(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> GoldenStore:
    monkeypatch.chdir(drifted.folder)
    return GoldenStore(Path("goldens"))


def test_the_last_two_unless_others_are_named(store: GoldenStore, drifted: Pretend) -> None:
    Repository.at(drifted.folder).commit("goldens")
    assert drifted.harness("accept", "--reason", "a fix").code == 0
    found = history("a/one", "cpu-x86_64", store)
    told = difference(found, None, None, store)
    assert (told.first, told.second, told.entries) == (1, 2, found.entries)
    assert told.tensors[0].metrics["max_abs"] == pytest.approx(0.25)
    assert difference(found, 2, 1, store).first == 2


def test_numbers_that_no_entry_has(store: GoldenStore, drifted: Pretend) -> None:
    found = history("a/one", "cpu-x86_64", store)
    with pytest.raises(UsageError, match="a/one: its history has one entry"):
        difference(found, None, None, store)
    drifted.harness("accept", "--reason", "a fix")
    found = history("a/one", "cpu-x86_64", store)
    with pytest.raises(UsageError, match="3: a/one has no such entry; name one from 1 to 2"):
        difference(found, 1, 3, store)
