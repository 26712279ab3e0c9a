"""From the outcome of a run without a capture to what is said of it."""

from __future__ import annotations

from harness.core.capture import Lost, Raised, Unavailable
from harness.core.results.next_step import harness_step
from harness.trials.failures import Failure, failure
from tests.golden.builders import environment


def test_a_run_that_cannot_be_had_here_is_skipped() -> None:
    assert failure(Unavailable("no such device")) == Failure("no such device", skipped=True)


def test_a_lost_worker_has_its_log_and_what_to_do() -> None:
    steps = (harness_step("fix what the log shows, then check", "env"),)
    assert failure(Lost("killed", ("a", "b"), steps)) == Failure("killed", log=("a", "b"), next_steps=steps)
    assert str(failure(Lost("killed"))) == "killed"


def test_a_pipeline_that_raised_shows_the_end_of_its_traceback() -> None:
    here = environment()
    traceback = "\n".join(f"line {number}" for number in range(20))
    found = failure(Raised("ValueError: bad", traceback, here, 1.0, ("slow",)))
    assert found.raised
    assert not found.skipped
    assert found.log == tuple(f"line {number}" for number in range(8, 20))
    assert (found.platform, found.warnings) == (here.platform, ("slow",))
    assert str(found) == "raised ValueError: bad"
