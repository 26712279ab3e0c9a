"""`harness calibrate` over the real command line, and the verdicts that its limits give."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main
from harness.golden.header import read_document
from harness.measure import calibration
from harness.measure.variations import variations
from tests.support.files import describe, edit
from tests.support.project import TWO_STEPS, Project

HERE = f"cpu-{platform.machine().lower()}"
GOLDEN = Path("goldens/ddim/two") / f"{HERE}.safetensors"
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
        "unseeded": "error",  # nor has it
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
    forced = read_document(project.folder / "out/captures/ddim/two/forced.safetensors")
    assert forced.forced, "a forced replay says so, lest it becomes a golden"
    (case,) = project.report()["cases"]
    assert (case["relation"], case["tensors"][0]["limits"]["rel_l2"]) == ("same-hardware", limit)
    limits = {boundary["event"]: boundary["limit"] for boundary in case["boundaries"]}
    assert limits["unet.forward"] == stored["boundaries"]["unet.forward"]
    assert "rel_l2" in project.harness("list", "ddim/two", "--device", "cpu").out


@pytest.mark.usefixtures("forked")
def test_the_golden_s_own_machine_is_evidence(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A golden of another CPU with the same software, a rounding away: the distance counts, and is replayed."""
    monkeypatch.chdir(project.folder)
    # A portable run depends on no machine.
    one = TWO_STEPS + "tolerance: calibrated\ntrace: full\ndeterminism: {portable: false}\n"
    project.config("ddim/two", one)
    main(["verify", "ddim/two", "--device", "cpu", "--quiet"])
    assert main(["accept", "ddim/two", "--reason", "another definition"]) == 0
    golden = project.folder / GOLDEN
    edit(golden, "output/images", lambda images: images * np.float32(1 + 2**-22))
    describe(golden, lambda document: document["environment"]["hardware"].update(cpu_model="Another"))
    ulp = lambda *given: tuple(one for one in variations(*given) if one.name == "ulp 1")  # noqa: E731
    monkeypatch.setattr(calibration, "variations", ulp)
    assert main(["calibrate", "ddim/two", "--device", "cpu", "--quiet"]) == 0
    [case] = json.loads(Path("out/calibrate.json").read_text())["cases"]
    assert "measured around that run and between the two" in case["warnings"][0]
    runs = {run["name"]: run for run in case["calibration"]["runs"]}
    machine = runs["the golden's own machine"]
    assert (machine["family"], machine["effect"]) == ("machine", "counted")
    assert machine["outputs"][0]["metrics"]["rel_l2"] == pytest.approx(2**-22, rel=0.2)
    # Its boundaries are this machine's own: only the output was edited.
    assert machine["boundaries"]["unet.forward"] == 0.0
