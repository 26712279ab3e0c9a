"""Which goldens of cases that are gone are offered to which cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.core.case import Case
from harness.golden.obsolete import stored
from harness.golden.renamed import renamed
from harness.golden.store import GoldenStore
from tests.golden.builders import ACCEPTED, a_case, write_capture


@pytest.fixture
def store(tmp_path: Path) -> GoldenStore:
    return GoldenStore(tmp_path / "goldens")


def golden(store: GoldenStore, case: Case) -> None:
    write_capture(store.path(case.id, "cpu-x86_64"), {"images": np.ones(3)}, case=case, accepted=ACCEPTED)


def found(store: GoldenStore, *cases: Case, unknown: tuple[str, ...] = ()) -> dict[str, str]:
    return dict(renamed(stored(store.root), {case.id for case in cases}, cases, unknown))


def test_the_definition_decides(store: GoldenStore) -> None:
    golden(store, a_case("old", steps=3))
    assert found(store, a_case("new", steps=3)) == {"new": "old"}
    assert found(store, a_case("new", steps=4)) == {}
    assert found(store, a_case("new", steps=3), a_case("old", steps=3)) == {}, "it is not gone"
    golden(store, a_case("new", steps=3))
    assert found(store, a_case("new", steps=3)) == {}, "it has one of its own"


def test_each_golden_is_offered_once(store: GoldenStore) -> None:
    golden(store, a_case("old"))
    assert found(store, a_case("b"), a_case("c")) == {"b": "old"}
    golden(store, a_case("older"))
    assert found(store, a_case("b"), a_case("c")) == {"b": "old", "c": "older"}


def test_a_config_with_problems_may_still_give_its_entries(store: GoldenStore) -> None:
    golden(store, a_case("fam@x=1"))
    assert found(store, a_case("new")) == {"new": "fam@x=1"}
    assert found(store, a_case("new"), unknown=("fam",)) == {}


def test_a_damaged_golden_is_offered_to_nobody(store: GoldenStore) -> None:
    golden(store, a_case("old"))
    store.path("old", "cpu-x86_64").write_bytes(b"damaged")
    assert found(store, a_case("new")) == {}


def test_what_lies_beside_a_golden_is_none(store: GoldenStore) -> None:
    golden(store, a_case("old"))
    store.path("new", "cpu-x86_64").parent.mkdir(parents=True)
    store.path("new", "cpu-x86_64").with_suffix(".rejected.json").write_text("{}")
    assert found(store, a_case("new")) == {"new": "old"}
