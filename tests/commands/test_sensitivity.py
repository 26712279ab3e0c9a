"""`harness sensitivity` over the real command line and real workers, with a small catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.core.measured.mutants import MUTANTS
from harness.measure import mutation
from tests.support.project import TWO_STEPS, Project

LOOSE = "tolerance: {same-hardware: {rel_l2: 10.0}, cross-hardware: refuse}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forked: None) -> Project:
    """The folder that the command runs in, in this process; its workers are others."""
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def plant(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(mutation, "MUTANTS", {name: MUTANTS[name] for name in names})


def faults(project: Project) -> tuple[dict[str, Any], dict[str, Any]]:
    """The only case of the last command, and its faults by name."""
    [case] = json.loads((project.folder / "out" / "sensitivity.json").read_text())["cases"]
    return case, {fault["fault"]: fault for fault in case["faults"]}


def seen(fault: dict[str, Any], relation: str) -> set[str]:
    return {one["channel"] for one in fault["sightings"] if one["caught"] and one["relation"] == relation}


def test_every_state_of_a_fault(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    project.config("two", TWO_STEPS + "min_sensitivity: 1\n")
    names = ["structure.train_mode", "seeding.noise_scaled", "post_processing.not_clamped", "guidance.scale"]
    plant(monkeypatch, *names, "seeding.noise_shared")
    assert main(["sensitivity", "two", "--device", "cpu"]) == 0
    case, found = faults(project)
    assert {name: one["state"] for name, one in found.items()} == {
        "structure.train_mode": "applied",
        "seeding.noise_scaled": "applied",
        "post_processing.not_clamped": "equivalent",
        "guidance.scale": "not applicable",
        "seeding.noise_shared": "not applicable",
    }
    assert found["guidance.scale"]["reason"] == "the pipeline takes no guidance scale"
    assert seen(found["structure.train_mode"], "same-hardware") == {"exact"}
    assert seen(found["seeding.noise_scaled"], "same-hardware") == {"forced", "outputs"}
    noise = next(one for one in found["seeding.noise_scaled"]["sightings"] if one["channel"] == "forced")
    assert noise["at"] == "noise.randn_tensor[0]"
    # Noise 1e-3 too large, where 1e-6 is the limit.
    assert noise["margin"] == pytest.approx(1000, rel=0.01)
    [smallest] = case["smallest"]
    assert smallest["fault"] == "seeding.noise_scaled"
    assert 1e-6 <= smallest["any"] <= 1e-5
    assert [(one["relation"], one["caught"], one["applied"]) for one in case["scores"]] == [
        ("same", 2, 2),
        ("same-hardware", 2, 2),
        ("cross-hardware", 2, 2),
    ]
    assert "seeding.noise_scaled" in capsys.readouterr().out
    captures = list((project.folder / "out" / "captures").rglob("*.safetensors"))
    assert [path.name for path in captures] == ["base.safetensors"]


def test_under_the_stated_share_it_fails(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.config("two", TWO_STEPS + LOOSE + "min_sensitivity: 0.95\n")
    plant(monkeypatch, "denoiser.weight_element", "structure.train_mode")
    assert main(["sensitivity", "two", "--device", "cpu", "--no-ladder", "--quiet"]) == 1
    case, found = faults(project)
    assert case["state"] == "blunt"
    assert case["reason"] == "1 of 2 faults caught in same-hardware, 50.0%; min_sensitivity is 95.0%"
    assert case["smallest"] == []
    assert [score["relation"] for score in case["scores"]] == ["same", "same-hardware"]
    assert seen(found["denoiser.weight_element"], "same") == {"outputs"}


def test_limits_that_were_never_measured_are_an_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.config("two", TWO_STEPS + "tolerance: calibrated\n")
    plant(monkeypatch, "structure.train_mode")
    assert main(["sensitivity", "two", "--device", "cpu"]) == 3
    case, _ = faults(project)
    assert case["state"] == "error"
    assert case["reason"].endswith("run: harness calibrate two")
