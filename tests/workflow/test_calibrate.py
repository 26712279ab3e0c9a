"""`harness calibrate` over the real command line, and the verdicts that its limits give."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from tests.support.project import TWO_STEPS, Project

HERE = f"cpu-{platform.machine().lower()}"
CALIBRATION = Path("goldens/ddim/two") / f"{HERE}.calibration.json"


@pytest.mark.slow
def test_limits_from_what_is_benign(project: Project) -> None:
    project.config("ddim/two", TWO_STEPS + "tolerance: calibrated\n")
    project.config("ddim/new")
    ran = project.harness("verify", "ddim/two", "--device", "cpu", "--relation", "same-hardware")
    assert (ran.code, project.verdicts()) == (3, {"ddim/two": "error"})
    assert "harness calibrate ddim/two" in ran.out

    ran = project.harness("calibrate", "--device", "cpu", "--json", "c.json", "--jobs", "2")

    assert ran.code == 3, ran.out + ran.err  # ddim/new has no golden
    found = {case["case"]: case for case in json.loads((project.folder / "c.json").read_text())["cases"]}
    assert {name: case["state"] for name, case in found.items()} == {
        "ddim/new": "error",
        "ddim/two": "calibrated",
        "unseeded": "skipped",
    }
    stored = json.loads((project.folder / CALIBRATION).read_text())
    assert stored == found["ddim/two"]["calibration"]
    counted = [run for run in stored["runs"] if run["effect"] == "counted"]
    assert len([run for run in counted if run["family"] == "ulp"]) == 8
    largest = max(run["outputs"][0]["metrics"]["rel_l2"] for run in counted)
    limit = stored["outputs"][0]["same_hardware"]["rel_l2"]
    assert 3 * largest <= limit <= 3.1 * largest
    assert not list((project.folder / "out/captures/ddim/two").glob("calibrate-*"))

    ran = project.with_variables(HARNESS_THREADS="2", ATEN_CPU_CAPABILITY="default").harness(
        "verify", "ddim/two", "--device", "cpu", "--forced"
    )
    assert ran.code == 0, ran.out + ran.err
    (case,) = project.report()["cases"]
    assert (case["relation"], case["tensors"][0]["limits"]["rel_l2"]) == ("same-hardware", limit)
    limits = {boundary["event"]: boundary["limit"] for boundary in case["boundaries"]}
    assert limits["unet.forward"] == stored["boundaries"]["unet.forward"]
    assert "rel_l2" in project.harness("list", "ddim/two", "--device", "cpu").out
