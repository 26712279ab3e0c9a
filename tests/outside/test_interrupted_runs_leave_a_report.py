"""A verify or record that does not come to its end reports what it did, marked as unfinished."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.core.capture import Outcome
from harness.errors import StoreError
from harness.run.trial import Trial
from tests.support.pretend import CONFIG, VALUES, Pretend, pretend

__all__ = ["pretend"]

NAMES = ("a", "b", "c")


class Terminated(BaseException):
    """As a handler of SIGTERM may raise it."""


def stop(at: str, error: BaseException, number: int | None = None) -> Callable[[Trial], Outcome | None]:
    """End the command as the run of this case, or of this number of it, would have ended."""

    def before(trial: Trial) -> Outcome | None:
        if trial.case.id == at and number in (None, trial.number):
            raise error
        return None

    return before


@pytest.fixture
def three(pretend: Pretend) -> Pretend:
    """Three recorded cases, the first of which drifts."""
    for name in NAMES:
        pretend.config(name)
    assert pretend.record().code == 0
    assert pretend.harness("verify").code == 0
    pretend.values["a"] = VALUES * 2
    return pretend


def test_ctrl_c_in_verify(three: Pretend) -> None:
    three.before = stop("c", KeyboardInterrupt())
    ran = three.harness("verify", "--json", "told.json", "--junit", "told.xml")
    assert ran.code == 130
    assert "2 of 3 cases were judged" in ran.err
    report = three.report()
    assert (report["finished"], report["not_run"]) == (False, ["c"])
    assert {case["case"]: case["verdict"] for case in report["cases"]} == {"a": "drifted", "b": "identical"}
    assert report["summary"] == {"identical": 1, "drifted": 1}
    assert json.loads((three.folder / "told.json").read_text()) == report


def test_the_junit_file_of_an_interrupted_verify_is_no_pass(three: Pretend) -> None:
    three.values.clear()
    three.before = stop("c", KeyboardInterrupt())
    assert three.harness("verify", "--junit", "told.xml").code == 130
    root = ElementTree.parse(three.folder / "told.xml").getroot()
    named = {case.get("name"): case for case in root.iter("testcase")}
    assert set(named) == {"a", "b", "unfinished"}
    error = named["unfinished"].find("error")
    assert error is not None
    assert error.text == "c"
    assert (root.get("tests"), root.get("errors"), root.get("failures")) == ("3", "1", "0")


def test_the_report_shown_again_says_so_and_is_no_pass(three: Pretend) -> None:
    three.values.clear()
    three.before = stop("c", KeyboardInterrupt())
    three.harness("verify")
    ran = three.harness("report", "--markdown", "told.md")
    assert ran.code == 3
    assert "not finished: 1 case was not run to the end; so far 2 identical" in " ".join(ran.out.split())
    assert "all pass" not in ran.out
    assert "not finished" in (three.folder / "told.md").read_text()


def test_sigterm_as_an_exception_of_its_own_comes_out_as_it_is(three: Pretend) -> None:
    three.before = stop("b", Terminated())
    with pytest.raises(Terminated):
        three.harness("verify")
    assert (three.report()["finished"], three.report()["not_run"]) == (False, ["b", "c"])


def test_an_error_of_the_harness_in_the_middle(three: Pretend) -> None:
    three.before = stop("b", StoreError("out: the disk is full"))
    assert three.harness("verify").code == 3
    assert (three.report()["finished"], three.report()["not_run"]) == (False, ["b", "c"])


def test_what_ended_the_command_is_told_also_where_no_report_can_be_written(three: Pretend) -> None:
    interrupt = stop("b", KeyboardInterrupt())

    def before(trial: Trial) -> Outcome | None:
        # Only now, since what cannot be written at the start is refused then.
        (three.folder / "told.json").mkdir(exist_ok=True)
        return interrupt(trial)

    three.before = before
    ran = three.harness("verify", "--json", "told.json")
    assert ran.code == 130
    assert "could not be written" in ran.err
    assert three.report()["finished"] is False


def test_a_forced_replay_follows_its_run_so_that_what_is_reported_is_whole(three: Pretend) -> None:
    three.before = stop("c", KeyboardInterrupt())
    three.harness("verify", "--forced")
    report = three.report()
    assert [case["case"] for case in report["cases"]] == ["a", "b"]
    assert report["not_run"] == ["c"]


def test_a_pass_whose_invariant_is_still_to_come_is_no_pass(pretend: Pretend) -> None:
    pretend.config("a", f"{CONFIG}invariants: {{generator_state: exact}}\n")
    assert pretend.record().code == 0
    ended = list[Trial]()

    def second(trial: Trial) -> None:
        ended.append(trial)
        if len(ended) == 2:
            raise KeyboardInterrupt

    pretend.before = second
    assert pretend.harness("verify").code == 130
    assert (pretend.report()["cases"], pretend.report()["not_run"]) == ([], ["a"])


def test_ctrl_c_in_record_lists_what_it_stored(pretend: Pretend) -> None:
    for name in NAMES:
        pretend.config(name)
    pretend.before = stop("b", KeyboardInterrupt(), number=2)
    ran = pretend.harness("record", "--no-gates", "--json", "told.json")
    assert ran.code == 130
    assert "1 of 3 cases were recorded" in ran.err
    report = pretend.report("record.json")
    assert {case["case"]: case["state"] for case in report["cases"]} == {"a": "recorded"}
    assert (report["finished"], report["not_run"]) == (False, ["b", "c"])
    assert json.loads((pretend.folder / "told.json").read_text()) == report
    assert pretend.golden("a").is_file()
    pretend.before = lambda _run: None
    assert pretend.record().code == 0
    report = pretend.report("record.json")
    assert (report["finished"], report["not_run"]) == (True, [])
    assert [case["state"] for case in report["cases"]] == ["kept", "recorded", "recorded"]


def test_a_record_killed_at_once_leaves_no_older_report(three: Pretend) -> None:
    found = []

    def killed(_trial: Trial) -> None:
        found.append(three.report("record.json"))
        raise Terminated

    three.before = killed
    with pytest.raises(Terminated):
        three.record("--update")
    assert (found[0]["finished"], found[0]["cases"], found[0]["not_run"]) == (False, [], list(NAMES))


def test_bad_usage_leaves_the_last_report_as_it_was(three: Pretend) -> None:
    before = Path(three.folder / "out/report.json").read_bytes()
    assert three.harness("verify", "nothing-like-this").code == 2
    assert Path(three.folder / "out/report.json").read_bytes() == before
