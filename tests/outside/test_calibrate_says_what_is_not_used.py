"""`harness calibrate` measures limits; a config that does not ask for them is told what to say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main
from harness.core.capture import Completed, Outcome
from harness.core.case import Case
from harness.run.trial import Trial
from tests.golden.builders import environment, write_capture
from tests.support import pools, workers
from tests.support.project import Project
from tests.support.workers import UNTRACED

OUTPUT = np.linspace(0.1, 0.9, 64, dtype=np.float32)


def outcome(trial: Trial) -> Outcome:
    """What comes of workers whose varied runs lie one in the last place apart."""
    moved = OUTPUT if trial.perturbation is None else np.nextafter(OUTPUT, np.float32(1))
    acted = {} if trial.perturbation is None else {"perturbed": 1}
    write_capture(trial.capture, {"images": moved}, case=trial.case, **acted)
    return Completed(str(trial.capture), environment(), 0.0)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    pools.install(monkeypatch, outcome)
    return Project(tmp_path)


def calibrated(*names: str) -> dict[str, dict]:
    assert main(["record", "--no-gates", "--quiet", "--update", *names]) == 0
    assert main(["calibrate", *names]) == 0
    return {case["case"]: case for case in json.loads(Path("out/calibrate.json").read_text())["cases"]}


def test_the_line_to_add_is_told_and_is_right(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    config = project.config("ddim/two", UNTRACED)
    case = calibrated()["ddim/two"]
    shown = capsys.readouterr().out
    assert "configs/ddim/two.yaml does not use the limits measured" in " ".join(shown.split())
    assert "\ntolerance: calibrated\n" in shown
    assert case["unused"] == {
        "file": "configs/ddim/two.yaml",
        "relations": ["same-hardware", "cross-hardware"],
        "yaml": "tolerance: calibrated",
        "replaces": False,
    }
    config.write_text(config.read_text() + case["unused"]["yaml"] + "\n")
    case = calibrated()["ddim/two"]
    assert case["unused"] is None
    assert "does not use" not in capsys.readouterr().out


def test_one_relation_and_once_for_a_family(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.config(
        "family",
        UNTRACED.replace("seed: 0\n", "")
        + "tolerance: {same-hardware: {rel_l2: 1.0e-5}, cross-hardware: refuse}\nmatrix: {seed: [0, 1]}\n",
    )
    cases = calibrated()
    shown = capsys.readouterr().out
    told = " ".join(shown.split())
    assert told.count("does not use the limits measured for same-hardware; replace its") == 1
    assert "\ntolerance:\n  same-hardware: calibrated\n  cross-hardware: refuse\n" in shown
    assert [case["unused"]["relations"] for case in cases.values()] == [["same-hardware"]] * 2


def test_a_matrix_that_sets_the_tolerance(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.config("family", UNTRACED + "matrix: {tolerance: [{same-hardware: exact}]}\n")
    calibrated()
    assert "its matrix sets `tolerance`: write `calibrated` there" in " ".join(
        capsys.readouterr().out.split()
    )


def test_what_could_not_be_measured_is_not_advised(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.config("two", UNTRACED)
    fakes = workers.install(monkeypatch)
    assert main(["record", "--no-gates", "--quiet"]) == 0
    fakes.nowhere = True
    assert main(["calibrate"]) == 0
    assert "does not use" not in capsys.readouterr().out
    [case] = json.loads(Path("out/calibrate.json").read_text())["cases"]
    assert case["unused"] is None


def test_the_shipped_configs_use_what_was_measured() -> None:
    from harness.config.calibrated import unused
    from harness.config.load import load_cases
    from tests.support.project import ROOT

    measured = {
        path.parent.relative_to(ROOT / "goldens") for path in (ROOT / "goldens").rglob("*.calibration.json")
    }
    cases: list[Case] = [one for one in load_cases(ROOT / "configs").cases if Path(one.id) in measured]
    assert cases
    assert [case.id for case in cases if unused(case)] == []
