"""From a judged case and its files to an explanation: when the traces are looked at, and what is advised then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.case import Case
from harness.core.environment import Environment, changes_between
from harness.core.results.explanation import Explanation
from harness.core.results.next_step import NextStep, failure_steps
from harness.core.results.verdict import CaseResult, ExactFinding, Verdict
from harness.core.tolerance import Relation
from harness.errors import UnreadableGolden
from harness.explain import results
from tests.golden.builders import ACCEPTED, a_case, environment, write_capture
from tests.support.evidence import explanation_of, with_divergence

CASE = a_case()
NO_TRACE = "the golden has no trace, so it is unknown where it began"


def installed(packages: Mapping[str, str]) -> Environment:
    here = environment()
    return replace(here, software=replace(here.software, packages=packages))


class Files:
    """A golden and a capture without traces, and a result that speaks of them."""

    def __init__(self, folder: Path) -> None:
        self.golden, self.capture = folder / "cpu-x86_64.safetensors", folder / "capture.safetensors"
        self.result = CaseResult(
            CASE.id,
            Verdict.DRIFTED,
            "cpu-x86_64",
            Relation.SAME_HARDWARE,
            str(self.golden),
            (),
            1.0,
            next_steps=failure_steps(CASE.id),
        )
        self.write()

    def write(
        self,
        before: Mapping[str, str] = {"torch": "2.5", "diffusers": "0.35"},
        now: Mapping[str, str] = {"torch": "2.6", "diffusers": "0.36"},
        case: Case = CASE,
    ) -> None:
        outputs: Any = {"images": np.zeros(2, np.float32)}
        write_capture(self.golden, outputs, accepted=ACCEPTED, env=installed(before))
        write_capture(self.capture, outputs, env=installed(now), case=case)
        self.result = replace(
            self.result, environment_changes=changes_between(installed(before), installed(now))
        )

    def explained(self, **changes: Any) -> Explanation:
        return explanation_of(CASE, replace(self.result, **changes), self.capture)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.mark.parametrize("verdict", [Verdict.DRIFTED, Verdict.BROKEN, Verdict.STALE, Verdict.WITHIN])
def test_what_was_compared_is_explained_by_the_traces(files: Files, verdict: Verdict) -> None:
    assert files.explained(verdict=verdict).notes == (NO_TRACE,)


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.NO_GOLDEN, Verdict.SKIPPED])
def test_what_was_not_compared_is_explained_by_what_changed(files: Files, verdict: Verdict) -> None:
    found = files.explained(verdict=verdict)
    assert found.notes == ()
    assert {one.change.what for one in found.suspects} == {
        "software.packages.torch",
        "software.packages.diffusers",
    }


def test_two_definitions_differ_by_intention(files: Files) -> None:
    files.write(case=a_case(steps=3))
    assert files.explained().notes == ()


def test_the_golden_s_versions_are_to_be_put_back_the_likeliest_first(files: Files) -> None:
    unmeant, which, meant = files.explained().result.next_steps
    assert unmeant.argv == ("harness", "explain", CASE.id)
    assert "go back to diffusers 0.35, torch 2.5 or fix what moved the case" in unmeant.why
    assert which.argv == ("harness", "blame", CASE.id)
    assert which.why == "to learn which of diffusers, torch did it"
    assert meant.argv == ("harness", "accept", CASE.id, "--reason", "...")


def test_blame_is_named_only_where_a_package_moved(files: Files) -> None:
    files.write({}, {})
    assert "blame" not in [step.argv[1] for step in files.explained().result.next_steps]
    files.write({"torch": "2.5"}, {"torch": "2.6"})
    assert files.explained().result.next_steps[1].why == "to prove whether torch did it"


def test_no_more_than_three_are_named_and_no_package_that_is_new(files: Files) -> None:
    names = ("diffusers", "torch", "transformers", "tokenizers", "numpy")
    files.write(dict.fromkeys(names, "1.0"), {**dict.fromkeys(names, "2.0"), "accelerate": "1.0"})
    told = files.explained().result.next_steps[0].why
    assert told.count(" 1.0") == 3
    assert "accelerate" not in told
    files.write({}, {"diffusers": "0.36"})
    assert "find where it began" in files.explained().result.next_steps[0].why


def test_steps_after_a_forced_replay_stay_those_of_one(files: Files) -> None:
    steps = files.explained(next_steps=failure_steps(CASE.id, forced=True)).result.next_steps
    assert steps[0].argv == ("harness", "explain", "--forced", CASE.id)
    assert "go back to diffusers 0.35" in steps[0].why


def test_steps_of_another_kind_are_left_alone(files: Files) -> None:
    own = (NextStep("look at the config"),)
    assert files.explained(next_steps=own).result.next_steps == own


def test_the_changes_that_the_result_names_come_likeliest_first(files: Files) -> None:
    known = files.result.environment_changes
    assert len(known) == 2
    for ordered in (known, known[::-1]):
        told = files.explained(environment_changes=ordered).result.environment_changes
        assert [one.what for one in told] == ["software.packages.diffusers", "software.packages.torch"]
    assert files.explained(environment_changes=known[:1]).result.environment_changes == known[:1]


def test_what_passes_without_a_finding_is_not_looked_into(files: Files) -> None:
    passing = replace(files.result, verdict=Verdict.WITHIN)
    assert with_divergence(CASE, passing, files.capture) is passing
    noted = replace(passing, exact_findings=(ExactFinding("unet.eps", "1", "2", fails=False),))
    assert with_divergence(CASE, noted, files.capture) is not noted


def test_a_file_that_cannot_be_read_is_a_warning_and_the_verdict_stays(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object, **__: object) -> Explanation:
        raise UnreadableGolden(Path("capture.safetensors"), "is cut off")

    monkeypatch.setattr(results, "explain", unreadable)
    told = files.explained().result
    assert told.verdict is Verdict.DRIFTED
    assert any("cut off" in str(one) for one in told.warnings)
