"""What two runs of a case do not agree on becomes a golden only where the case allows it; no run is a real one here."""

from __future__ import annotations

from harness.core.capture import Outcome
from harness.golden.header import read_document
from harness.run.trial import Trial
from tests.support.pretend import CONFIG, VALUES, Pretend, pretend

__all__ = ["pretend"]


def unlike(project: Pretend) -> None:
    """Let every second run give another last bit."""

    def before(trial: Trial) -> Outcome | None:
        values = VALUES.copy()
        values.view("u4")[7] ^= trial.number - 1
        project.values[trial.case.id] = values
        return None

    project.before = before


def test_what_agrees_bit_for_bit_is_stored_and_says_that_it_ran_twice(pretend: Pretend) -> None:
    pretend.config("a")
    assert pretend.record().code == 0
    assert pretend.of("a", "record.json")["state"] == "recorded"
    accepted = read_document(pretend.golden("a")).accepted
    assert accepted is not None
    assert (accepted.how, accepted.runs, accepted.noise) == ("record", 2, ())


def test_one_bit_of_difference_stores_nothing(pretend: Pretend) -> None:
    pretend.config("a")
    unlike(pretend)
    assert pretend.record().code == 1
    told = pretend.of("a", "record.json")
    assert told["state"] == "nondeterministic"
    assert [tensor["name"] for tensor in told["tensors"]] == ["images"]
    assert not pretend.golden("a").exists()


def test_where_the_case_allows_it_the_difference_is_kept_with_the_golden(pretend: Pretend) -> None:
    pretend.config("a", f"{CONFIG}nondeterministic: allow\n")
    unlike(pretend)
    assert pretend.record().code == 0
    accepted = read_document(pretend.golden("a")).accepted
    assert accepted is not None
    assert [one.tensor for one in accepted.noise] == ["images"]
