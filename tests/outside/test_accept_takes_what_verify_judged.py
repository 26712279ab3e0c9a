"""`accept` makes goldens of what the last finished verify judged, and of nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Lost, Outcome, Raised, Unavailable
from harness.run.trial import Trial
from tests.golden.builders import environment
from tests.support.files import describe
from tests.support.pretend import CONFIG, VALUES, Pretend, pretend

__all__ = ["pretend"]

SOON = VALUES + np.float32(0.25)


@pytest.fixture
def drifted(pretend: Pretend) -> Pretend:
    """Two recorded cases, `a/one` of which drifted in the last verify."""
    for name in ("a/one", "a/two"):
        pretend.config(name)
    assert pretend.record().code == 0
    pretend.values["a/one"] = SOON
    assert pretend.harness("verify").code == 1
    return pretend


def refused(project: Pretend, *words: str) -> str:
    """Why accept stores nothing; no golden may change."""
    before = {path: path.read_bytes() for path in project.folder.glob("goldens/**/*.*")}
    ran = project.harness("accept", *words)
    assert ran.code in (1, 2, 3), ran.out + ran.err
    assert {path: path.read_bytes() for path in project.folder.glob("goldens/**/*.*")} == before
    return " ".join((ran.out + ran.err).split())


def test_what_drifted_becomes_the_golden_and_is_identical_from_then_on(drifted: Pretend) -> None:
    report = drifted.of("a/one")
    content = drifted.capture("a/one").read_bytes()
    assert report["capture"]["sha256"] == hashlib.sha256(content).hexdigest()
    ran = drifted.harness("accept", "a/one", "--reason", "the scheduler was fixed")
    assert ran.code == 0, ran.out + ran.err
    assert "updated" in ran.out
    assert "unchanged" in drifted.harness("accept").out, "accepting twice changes nothing"
    assert drifted.harness("verify").code == 0


def test_what_was_explained_since_can_still_be_accepted(drifted: Pretend) -> None:
    assert drifted.harness("explain", "a/one").code == 1
    ran = drifted.harness("accept", "a/one", "--reason", "the scheduler was fixed")
    assert ran.code == 0, ran.out + ran.err


def test_the_advice_names_the_folder_of_what_was_judged(drifted: Pretend) -> None:
    told = "if the change is intended: harness accept"
    assert f"{told} a/one --reason ..." in drifted.harness("report").out
    ran = drifted.harness("verify", "a/one", "--out", "my out")
    assert f"{told} --out 'my out' a/one --reason ..." in " ".join(ran.out.split())


def test_no_report_no_golden(drifted: Pretend) -> None:
    (drifted.folder / "out/report.json").unlink()
    told = refused(drifted)
    assert "out/report.json: no such file" in told
    assert "a/one: not accepted" in told


@pytest.mark.parametrize("content", ["", "{}", "\x00", '{"schema": 99, "cases": []}'])
def test_a_report_that_is_none(drifted: Pretend, content: str) -> None:
    (drifted.folder / "out/report.json").write_text(content)
    told = refused(drifted)
    assert "report.json" in told
    assert told.replace("`", "").count("run harness verify") == 1, told


def interrupt(at: str) -> Callable[[Trial], Outcome | None]:
    def before(trial: Trial) -> Outcome | None:
        if trial.case.id == at:
            raise KeyboardInterrupt
        return None

    return before


def test_an_interrupted_verify_is_accepted_by_nobody(drifted: Pretend) -> None:
    drifted.before = interrupt("a/two")
    assert drifted.harness("verify").code == 130
    told = refused(drifted)
    assert told.count("the last verify did not finish") == 2


def test_a_verify_killed_at_once_leaves_no_older_report_to_accept_by(
    drifted: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after kill -9: nothing can be written any more once the first capture was removed."""
    finished = drifted.report()
    assert finished["finished"] is True
    found = []

    def killed(_trial: Trial) -> None:
        found.append(drifted.report())
        raise KeyboardInterrupt

    drifted.before = killed
    drifted.harness("verify")
    assert found[0]["finished"] is False
    assert (found[0]["cases"], found[0]["not_run"]) == ([], ["a/one", "a/two"])


def test_a_case_that_the_last_verify_did_not_judge(drifted: Pretend) -> None:
    assert drifted.harness("verify", "a/two").code == 0
    told = refused(drifted, "a/one")
    assert "is not among the cases that the last verify judged (1 in all)" in told
    assert drifted.harness("accept").code == 0, "without a selection, the last verify's cases are meant"
    assert drifted.harness("verify", "a/one").code == 1


def test_a_capture_put_there_afterwards(drifted: Pretend) -> None:
    other = drifted.folder / "other"
    drifted.values["a/one"] = VALUES * 2
    assert drifted.harness("verify", "--out", str(other)).code == 1
    shutil.copy(other / "captures/a/one/capture.safetensors", drifted.capture("a/one"))
    assert "is not the capture that the last verify judged" in refused(drifted, "a/one")


def test_a_capture_touched_in_its_document_alone(drifted: Pretend) -> None:
    describe(drifted.capture("a/one"), lambda document: document.update(warnings=["edited"]))
    assert "is not the capture that the last verify judged" in refused(drifted, "a/one")


def test_a_capture_that_is_gone(drifted: Pretend) -> None:
    drifted.capture("a/one").unlink()
    assert "the capture that was judged is gone" in refused(drifted, "a/one")


def test_a_case_that_was_edited_since(drifted: Pretend) -> None:
    drifted.config("a/one", CONFIG.replace("steps: 2", "steps: 3"))
    assert "different definition of this case" in refused(drifted, "a/one")


def test_a_golden_that_changed_since(drifted: Pretend) -> None:
    golden = drifted.golden("a/one")
    describe(golden, lambda document: document.update(warnings=["pulled from upstream"]))
    assert "is not the golden that the last verify compared with" in refused(drifted, "a/one")


def test_the_report_of_another_command(drifted: Pretend) -> None:
    path = drifted.folder / "out/report.json"
    path.write_text(json.dumps({**drifted.report(), "command": "explain"}))
    assert "is the report of `harness explain`" in refused(drifted)


def test_a_report_of_an_older_harness_knows_no_digest(drifted: Pretend) -> None:
    report = drifted.report()
    for key in ("finished", "not_run", "command"):
        del report[key]
    for case in report["cases"]:
        del case["capture"], case["golden_sha256"]
    (drifted.folder / "out/report.json").write_text(json.dumps(report))
    assert "kept no digest of its capture" in refused(drifted, "a/one")


@pytest.mark.parametrize(
    ("outcome", "code", "told"),
    [
        (Raised("ValueError: no", "", environment(), 1.0), 1, "gave nothing to accept: ValueError: no"),
        (Lost("killed"), 3, "the last verify could not judge it: killed"),
        (Unavailable("no such model"), 0, "was skipped by the last verify: no such model"),
    ],
)
def test_a_case_without_a_capture(pretend: Pretend, outcome: Outcome, code: int, told: str) -> None:
    pretend.config("a")
    pretend.before = lambda _run: outcome
    pretend.harness("verify")
    ran = pretend.harness("accept", "a")
    assert ran.code == code, ran.out + ran.err
    assert told in " ".join(ran.out.split())
    assert not (pretend.folder / "goldens").exists()


def test_another_shape_can_be_meant_and_a_first_golden_too(drifted: Pretend) -> None:
    drifted.config("a/new")
    drifted.values["a/one"] = SOON.reshape(8, 8)
    assert drifted.harness("verify").code == 1
    assert drifted.of("a/one")["verdict"] == "broken"
    ran = drifted.harness("accept", "--reason", "a new shape", "--json", "accepted.json")
    assert ran.code == 0, ran.out + ran.err
    accepted = json.loads((drifted.folder / "accepted.json").read_text())
    assert {case["case"]: case["state"] for case in accepted["cases"]} == {
        "a/new": "recorded",
        "a/one": "updated",
        "a/two": "unchanged",
    }
    assert drifted.harness("verify").code == 0


def test_the_output_folder_may_move_as_a_whole(drifted: Pretend) -> None:
    shutil.move(drifted.folder / "out", drifted.folder / "artifact")
    assert drifted.harness("accept", "--out", "artifact", "--reason", "a fix").code == 0
    drifted.values.clear()
    drifted.values["a/one"] = SOON
    assert drifted.harness("verify").code == 0


def test_a_judged_capture_of_a_perturbed_run_never_becomes_one(pretend: Pretend) -> None:
    pretend.config("a")
    pretend.document = {"perturbed": 3}
    assert pretend.harness("verify").code == 3
    assert "perturbed on purpose" in refused(pretend, "a")
    assert not Path(pretend.folder / "goldens").exists()
