"""The catalogue of planted faults."""

from __future__ import annotations

import pytest

from harness.core.measured.mutants import LADDER, MUTANTS, Category, default_strength


def test_each_is_known_by_its_own_name_and_category() -> None:
    assert all(name == mutant.name for name, mutant in MUTANTS.items())
    assert {mutant.category for mutant in MUTANTS.values()} == set(Category)


def test_the_rungs_of_the_ladder_are_in_order() -> None:
    assert list(LADDER) == sorted(LADDER)


@pytest.mark.parametrize("name", list(MUTANTS))
def test_the_strength_is_that_of_the_catalogue(name: str) -> None:
    assert default_strength(name) == MUTANTS[name].strength
