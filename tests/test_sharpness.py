"""The shipped cases that state a `min_sensitivity` reach it: the limits still catch what they are there to catch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.config.load import load_cases
from harness.core.case import Case
from tests.support.project import ROOT, Project

QUICK = 10  # steps


def stated() -> list[object]:
    """The cases, those with many steps marked slow."""
    cases = [case for case in load_cases(ROOT / "configs").cases if case.min_sensitivity is not None]
    return [pytest.param(case.id, marks=() if _is_quick(case) else pytest.mark.slow) for case in cases]


def _is_quick(case: Case) -> bool:
    return isinstance(case.steps, int) and case.steps <= QUICK


@pytest.mark.parametrize("case", stated())
def test_the_limits_are_sharp(case: str, tmp_path: Path) -> None:
    # A copy, since what is measured is kept beside the goldens.
    shutil.copytree(ROOT / "goldens" / case, tmp_path / "goldens" / case)
    folders = ["--configs", str(ROOT / "configs")]
    ran = Project(tmp_path).harness("sensitivity", case, "--no-ladder", "--device", "cpu", *folders)
    assert ran.code == 0, ran.out + ran.err
    [result] = json.loads((tmp_path / "out" / "sensitivity.json").read_text())["cases"]
    shares = {score["relation"]: score["share"] for score in result["scores"]}
    assert shares["same"] == 1.0
    assert shares["same-hardware"] >= result["min_sensitivity"]
    assert len([fault for fault in result["faults"] if fault["state"] == "applied"]) >= 40


def test_what_is_stored_beside_the_goldens_is_sharp_and_speaks_of_their_limits(tmp_path: Path) -> None:
    folders = ["--configs", str(ROOT / "configs"), "--goldens", str(ROOT / "goldens")]
    ran = Project(tmp_path).harness("sensitivity", "--stored", *folders)
    assert ran.code == 0, ran.out + ran.err
    found = json.loads((tmp_path / "out" / "sensitivity-stored.json").read_text())["cases"]
    assert {result["case"].partition("/")[0] for result in found} == {"ddim", "ddpm", "sd", "unclip"}
    for result in found:
        shares = {score["relation"]: score["share"] for score in result["scores"]}
        assert shares["same"] == 1.0, result["case"]
        assert shares["same-hardware"] >= 0.95, result["case"]


def test_a_quick_case_of_the_default_run_states_one() -> None:
    quick = [case for case in load_cases(ROOT / "configs").cases if case.min_sensitivity and _is_quick(case)]
    assert quick
