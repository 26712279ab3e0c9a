"""`harness sensitivity --stored`: the evidence beside a golden counts as long as it speaks of today's limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.config.load import load_cases
from harness.core.measured.mutants import MUTANTS
from harness.core.measured.sensitivity import MutantState
from harness.golden.header import read_document
from harness.golden.sensitivities import SENSITIVITY, read_sensitivity, write_sensitivity
from harness.golden.sidecar import outputs_digest
from harness.measure import mutation, stored_mutation
from harness.measure.detection import limit_set_of
from tests.commands.test_record import GOLDEN
from tests.golden.test_sensitivities import a_sensitivity
from tests.support.project import TWO_STEPS, Project

STATED = (
    "tolerance: {same-hardware: {rel_l2: 1.0e-3}, cross-hardware: refuse}\nmin_sensitivity: 1\nforced: true\n"
)


@pytest.fixture
def golden(project: Project, monkeypatch: pytest.MonkeyPatch, forked: None) -> Path:
    """The golden of a case that states a share, with a sensitivity in which every fault was caught."""
    monkeypatch.chdir(project.folder)
    project.config("ddim/two", TWO_STEPS + STATED)
    [case] = [one for one in load_cases(project.folder / "configs").cases if one.id == "ddim/two"]
    limit_set = limit_set_of(case, None)
    assert limit_set is not None
    golden = project.folder / GOLDEN
    kept = a_sensitivity(outputs_digest(read_document(golden)), limits=limit_set.digest())
    write_sensitivity(golden, kept)
    return golden


def stored() -> tuple[int, list[dict[str, Any]]]:
    code = main(["sensitivity", "--stored"])
    return code, json.loads(Path("out/sensitivity-stored.json").read_text())["cases"]


def test_what_was_caught_under_the_same_limits_is_caught(golden: Path) -> None:
    code, [case] = stored()
    assert (code, case["case"], case["platform"], case["state"]) == (0, "ddim/two", golden.stem, "sharp")
    assert case["scores"][0]["caught"] == len(MUTANTS)


def edited(golden: Path, change: Callable[[Any], Any]) -> None:
    kept = read_sensitivity(golden, read_document(golden))
    write_sensitivity(golden, change(kept))


def test_a_fault_that_was_missed_makes_it_blunt(golden: Path) -> None:
    def missed(kept: Any) -> Any:
        first, *others = kept.faults
        seen = tuple(replace(one, caught=False, margin=0.5) for one in first.sightings)
        return replace(kept, faults=(replace(first, sightings=seen), *others))

    edited(golden, missed)
    code, [case] = stored()
    assert (code, case["state"]) == (1, "blunt")
    assert case["reason"].startswith(f"{len(MUTANTS) - 1} of {len(MUTANTS)} faults caught")
    edited(
        golden,
        lambda kept: replace(
            kept,
            faults=(replace(kept.faults[0], state=MutantState.EQUIVALENT, sightings=()), *kept.faults[1:]),
        ),
    )
    assert stored()[0] == 0


def test_limits_that_were_loosened_do_not_pass_unseen(
    golden: Path, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.config("ddim/two", TWO_STEPS + STATED.replace("1.0e-3", "1.0"))
    code, [case] = stored()
    assert (code, case["state"]) == (3, "error")
    assert "its limits differ from those that the faults were judged by" in case["reason"]
    assert "harness sensitivity ddim/two" in capsys.readouterr().out


def test_nothing_stored_is_an_error(golden: Path) -> None:
    SENSITIVITY.path(golden).unlink()
    code, [case] = stored()
    assert (code, case["state"]) == (3, "error")
    assert case["reason"].endswith("no such file")


def test_a_fault_that_is_new_in_the_catalogue_has_to_be_planted(golden: Path) -> None:
    edited(golden, lambda kept: replace(kept, faults=kept.faults[1:]))
    code, [case] = stored()
    assert (code, case["state"]) == (3, "error")
    assert "the catalogue of faults has changed since (scheduler.timesteps_off_by_one)" in case["reason"]
    edited(golden, lambda kept: replace(kept, faults=(*kept.faults, replace(kept.faults[0], fault="gone"))))
    assert stored()[0] == 3


def test_a_case_without_a_golden_is_an_error_and_one_without_a_share_left_out(
    golden: Path, project: Project
) -> None:
    project.config("new", TWO_STEPS + STATED)
    code, cases = stored()
    assert code == 3
    assert {case["case"]: case["state"] for case in cases} == {"ddim/two": "sharp", "new": "error"}


def test_another_definition_is_an_error(golden: Path, project: Project) -> None:
    project.config("ddim/two", TWO_STEPS.replace("steps: 2", "steps: 3") + STATED)
    code, [case] = stored()
    assert (code, case["state"]) == (3, "error")
    assert "was recorded from a different definition of this case" in case["reason"]


def test_a_case_that_is_judged_by_less_than_before_is_an_error(golden: Path, project: Project) -> None:
    project.config("ddim/two", TWO_STEPS + STATED.replace("forced: true\n", ""))
    code, [case] = stored()
    assert (code, case["state"]) == (3, "error")
    assert "its limits differ" in case["reason"]


def test_a_run_is_stored_and_judged_alike_afterwards(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("seeding.noise_scaled", "scheduler.one_step_more")
    for module in (mutation, stored_mutation):
        monkeypatch.setattr(module, "MUTANTS", {name: MUTANTS[name] for name in names})
    SENSITIVITY.path(golden).unlink()
    assert main(["sensitivity", "ddim/two", "--device", "cpu", "--no-ladder", "--quiet"]) == 0
    [ran] = json.loads(Path("out/sensitivity.json").read_text())["cases"]
    assert Path(ran["path"]).resolve() == SENSITIVITY.path(golden)
    code, [kept] = stored()
    assert (code, kept["scores"], kept["path"]) == (0, ran["scores"], ran["path"])
    assert kept["faults"] == ran["faults"]
