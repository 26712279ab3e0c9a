"""The outcomes of a run are distinguished by their kind."""

from __future__ import annotations

from harness.core.capture import Completed, Lost, Raised, Unavailable
from tests.core.samples import ENVIRONMENT


def test_each_outcome_has_a_kind_of_its_own() -> None:
    outcomes = (
        Completed("a.safetensors", ENVIRONMENT, 1.0),
        Raised("ValueError: no", "Traceback", ENVIRONMENT, 1.0),
        Unavailable("offline"),
        Lost("gone"),
    )
    assert [outcome.kind for outcome in outcomes] == ["completed", "raised", "unavailable", "lost"]
