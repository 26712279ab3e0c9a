"""What is common to runs: the place of a capture, their environment, how long they took."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.capture import Completed, Lost, Raised, Unavailable
from harness.errors import UsageError
from harness.trials.captures import capture_path, environment_of, inside, seconds_of
from tests.core.samples import case
from tests.golden.builders import environment

HERE, THERE = environment(), environment(torch="9.9.9")


def test_captures_lie_under_the_id_of_their_case() -> None:
    assert capture_path(Path("out"), case(id="sd/a@seed=1"), "forced") == Path(
        "out/captures/sd/a@seed=1/forced.safetensors"
    )


def test_the_environment_is_that_of_the_first_run_that_had_one() -> None:
    raised, completed = Raised("no", "", THERE, 1.0), Completed("a", HERE, 2.0)
    assert environment_of([Lost("killed"), Unavailable("no device"), raised, completed]) is THERE
    assert environment_of([Lost("killed")]) is None


def test_only_runs_that_ended_took_time() -> None:
    outcomes = [Completed("a", HERE, 2.0), Lost("killed"), Raised("no", "", HERE, 0.5), Unavailable("none")]
    assert seconds_of(outcomes) == 2.5


def test_names_in_a_report_lead_nowhere_else() -> None:
    assert inside(Path("out"), "sd/a@x=1", "c.safetensors") == Path("out/sd/a@x=1/c.safetensors")
    for words in (
        ("../a",),
        ("/a",),
        ("a//b",),
        ("",),
        ("a/./b",),
        ("a\0b",),
        ("a", "../b"),
        ("a", "/b"),
        ("a", ""),
    ):
        with pytest.raises(UsageError, match="leads out of the folder out"):
            inside(Path("out"), *words)
