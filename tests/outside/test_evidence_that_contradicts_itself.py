"""A calibration or sensitivity that was edited, merged badly or measured for something else judges nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli import main
from harness.core.capture import Completed
from harness.core.results.verdict import CaseResult, Verdict
from harness.core.tolerance import Relation, Rule, Tolerance
from harness.core.trace import TraceLevel
from harness.golden.calibrations import CALIBRATION, write_calibration
from harness.golden.header import read_document
from harness.golden.sensitivities import SENSITIVITY, read_sensitivity, write_sensitivity
from harness.golden.sidecar import Kind, Unusable, outputs_digest
from harness.golden.store import GoldenStore
from harness.report.reason_words import reason_words, step_words
from tests.golden.builders import ACCEPTED, a_case, environment, write_capture
from tests.golden.test_sensitivities import a_sensitivity
from tests.support.calibrations import a_calibration
from tests.support.evidence import judge
from tests.support.project import ROOT, TWO_STEPS

VALUES = np.array([3.0, 4.0], np.float32)
ASKED = Tolerance(Rule.EXACT, Rule.CALIBRATED, Rule.CALIBRATED)

Document = dict[str, Any]
Edit = Callable[[Document], object]


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """A golden with a calibration whose numbers all follow from its evidence."""
    path = write_capture(
        tmp_path / "goldens/ddim/two/cpu-x86_64.safetensors",
        {"images": VALUES},
        case=a_case(trace=TraceLevel.NONE),
        accepted=ACCEPTED,
    )
    write_calibration(path, a_calibration(outputs_digest(read_document(path))))
    return path


def edited(path: Path, edit: Edit) -> None:
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def verified(golden: Path, relation: Relation, tolerance: Tolerance = ASKED) -> CaseResult:
    case = a_case(tolerance=tolerance, trace=TraceLevel.NONE)
    capture = write_capture(golden.parents[3] / "out/now.safetensors", {"images": VALUES})
    store = GoldenStore(golden.parents[2])
    return judge(case, Completed(str(capture), environment(), 1.0), store, relation=relation)


def set_to(*path: str | int, value: object) -> Edit:
    def edit(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = value

    return edit


def both(*edits: Edit) -> Edit:
    return lambda document: [edit(document) for edit in edits]


RUN, OUTPUT = ("runs", 0), ("outputs", 0)
METRICS = (*RUN, "outputs", 0, "metrics")

CONTRADICTIONS: dict[str, tuple[Edit, str]] = {
    "a limit raised by hand": (set_to(*OUTPUT, "same_hardware", "rel_l2", value=3.0), "same_hardware.rel_l2 is 3"),
    "a limit lowered by hand": (set_to(*OUTPUT, "cross_hardware", "max_abs", value=1e-9), "cross_hardware.max_abs"),
    "a limit taken away": (set_to(*OUTPUT, "same_hardware", "max_abs", value=None), "max_abs is none"),
    "a limit of a metric that is not measured": (
        set_to(*OUTPUT, "same_hardware", "mismatched", value=0.5), "mismatched is 0.5"),
    "an envelope that no run reached": (set_to(*OUTPUT, "envelope", "rel_l2", value=1e-3), "envelope.rel_l2"),
    "a negative measurement": (set_to(*METRICS, "rel_l2", value=-1e-6), "rel_l2 is -1e-06"),
    "a share above one": (set_to(*METRICS, "mismatched", value=1.5), "mismatched is 1.5"),
    "a metric left out": (lambda one: one["runs"][0]["outputs"][0]["metrics"].pop("psnr"), "psnr is missing"),
    "no evidence": (set_to("runs", value=[]), "runs: none counts as evidence"),
    "no evidence that counts": (
        lambda one: [run.update(effect="no effect") for run in one["runs"]], "runs: none counts as evidence"),
    "evidence left out": (lambda one: one["runs"].pop(0), "the evidence leads to"),
    "a run twice": (lambda one: one["runs"].append(one["runs"][1]), "MKL COMPATIBLE is there 2 times"),
    "an output twice": (lambda one: one["outputs"].append(one["outputs"][0]), "images is there 2 times"),
    "evidence of another output": (set_to(*RUN, "outputs", 0, "output", value="masks"), "measured masks"),
    "another factor": (
        both(set_to("factor", value=3000.0), set_to(*OUTPUT, "same_hardware", "rel_l2", value=3e-3)), "factor is 3000"),
    "a floor that no rounding reaches": (
        both(set_to(*OUTPUT, "floor", "rel_l2", value=0.5),
             set_to(*OUTPUT, "same_hardware", "rel_l2", value=0.5),
             set_to(*OUTPUT, "cross_hardware", "rel_l2", value=0.5),
             set_to("left_out", 0, "ratio", value=0.75), set_to("left_out", 1, "ratio", value=0.48)),
        "outputs.images.floor.rel_l2 is 0.5"),
    "a boundary's limit below its evidence": (set_to("boundaries", "unet.forward", value=1e-9), "boundaries.unet"),
    "a boundary's limit taken away": (lambda one: one["boundaries"].pop("unet.forward"), "unet.forward is none"),
    "a boundary that nothing measured": (set_to("boundaries", "vae.decode", value=0.5), "vae.decode is 0.5"),
    "an envelope of a boundary": (set_to("boundary_envelope", "unet.forward", value=0.1), "boundary_envelope"),
    "another amplification": (set_to("amplification", value=0.001), "amplification"),
    "alarms that are not there": (set_to("left_out", 0, "false_alarms", value=9), "9 alarms in 1 runs"),
    "more alarms than runs": (set_to("left_out", 0, "boundary_alarms", value=2), "2 boundary alarms in 1 runs"),
    "a family left out twice": (
        lambda one: one["left_out"].append(one["left_out"][0]), "left_out: ulp is there 2 times"),
    "a curve of one's own": (set_to("growth", 0, "curve", value=[0.0, 0.0]), "growth"),
    "another case's": (set_to("case", value="ddim/other"), "is of ddim/other"),
    "another platform's": (set_to("platform", value="cuda-sm90"), "on cuda-sm90"),
    "measured elsewhere": (set_to("environment", "platform", value="cuda-sm90"), "measured on cuda-sm90"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTIONS)
@pytest.mark.parametrize("relation", [Relation.SAME, Relation.SAME_HARDWARE])
def test_verify_says_error_and_what_contradicts(name: str, relation: Relation, golden: Path) -> None:
    assert verified(golden, relation).verdict is Verdict.IDENTICAL
    edit, told = CONTRADICTIONS[name]
    edited(CALIBRATION.path(golden), edit)
    result = verified(golden, relation)
    assert (result.verdict, result.golden) == (Verdict.ERROR, golden.as_posix())
    assert reason_words(result.reasons).startswith(f"{CALIBRATION.path(golden)}: ")
    assert told in reason_words(result.reasons)
    assert "harness calibrate ddim/two" in step_words(result.next_steps)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"rel_l2":3e-6', '"rel_l2":NaN', "NaN is not a finite number"),
        ('"rel_l2":3e-6', '"rel_l2":Infinity', "Infinity is not a finite number"),
        ('"rel_l2":3e-6', '"rel_l2":1e999', "1e999 is not a finite number"),
        ('"factor":3.0', '"factor":-Infinity', "-Infinity is not a finite number"),
        ('"amplification":', '"amplification":9.9,"amplification":', "amplification is given twice"),
    ],
)
def test_numbers_that_are_none_and_keys_given_twice(old: str, new: str, told: str, golden: Path) -> None:
    path = CALIBRATION.path(golden)
    text = json.dumps(json.loads(path.read_text()), separators=(",", ":")).replace("3e-06", "3e-6")
    assert old in text
    path.write_text(text.replace(old, new, 1))
    result = verified(golden, Relation.SAME_HARDWARE)
    assert result.verdict is Verdict.ERROR
    assert told in reason_words(result.reasons)


def test_what_is_damaged_judges_a_case_of_stated_limits_neither(golden: Path) -> None:
    edited(CALIBRATION.path(golden), set_to("amplification", value=0.001))
    assert verified(golden, Relation.SAME_HARDWARE, Tolerance()).verdict is Verdict.ERROR


def test_a_golden_without_a_calibration_is_judged_as_before(golden: Path) -> None:
    CALIBRATION.path(golden).unlink()
    assert verified(golden, Relation.SAME, ASKED).verdict is Verdict.IDENTICAL
    assert verified(golden, Relation.SAME_HARDWARE, Tolerance()).verdict is Verdict.IDENTICAL
    assert verified(golden, Relation.SAME_HARDWARE, ASKED).verdict is Verdict.ERROR


def a_project(golden: Path, monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    folder = golden.parents[3]
    monkeypatch.chdir(folder)
    (folder / "configs/ddim").mkdir(parents=True)
    (folder / "configs/ddim/two.yaml").write_text(TWO_STEPS + more)


def test_list_names_it(
    golden: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a_project(golden, monkeypatch, "tolerance: calibrated\n")
    assert main(["list", "--device", "cpu"]) == 0
    assert "damaged" not in capsys.readouterr().out
    edited(CALIBRATION.path(golden), set_to("amplification", value=0.001))
    assert main(["list", "--device", "cpu"]) == 0
    shown = capsys.readouterr()
    assert "damaged" in shown.out
    assert "contradicts itself (amplification is 0.001, the evidence leads to 1.52)" in shown.err


SIGHTING = ("faults", 0, "sightings", 0)

SENSITIVITY_CONTRADICTIONS: dict[str, tuple[Edit, str]] = {
    "caught below its limit": (set_to(*SIGHTING, "margin", value=0.5), "with 0.5 times the limit"),
    "missed beyond its limit": (set_to(*SIGHTING, "caught", value=False), "says caught: false"),
    "a negative margin": (set_to(*SIGHTING, "margin", value=-1.0), "the margin -1"),
    "judged twice": (
        lambda one: one["faults"][0]["sightings"].append(one["faults"][0]["sightings"][0]), "2 times under"),
    "applied without acting": (set_to("faults", 0, "acted", value=0), "acted 0 times, although it applied"),
    "applied and never judged": (set_to("faults", 0, "sightings", value=[]), "was judged by the outputs 0 times"),
    "no place and caught": (set_to("faults", 0, "state", value="not applicable"), "though it is not applicable"),
    "an error that was kept": (set_to("faults", 0, "state", value="error"), "reached no judgement"),
    "a fault twice": (lambda one: one["faults"].append(one["faults"][0]), "is there 2 times"),
    "no faults": (set_to("faults", value=[]), "none was planted"),
    "a strength that is not tried": (set_to("smallest", 0, "any", value=2e-5), "2e-05 is not one of the strengths"),
    "one channel sees more than all": (set_to("smallest", 0, "any", value=1e-3), "any channel detects 0.001"),
    "another case's": (set_to("case", value="ddim/other"), "is of ddim/other"),
    "another relation": (
        lambda one: [
            seen.update(relation="cross-hardware")
            for fault in one["faults"] for seen in fault["sightings"] if seen["relation"] == "same"],
        "judged under cross-hardware, same-hardware"),
}  # fmt: skip


@pytest.mark.parametrize("name", SENSITIVITY_CONTRADICTIONS)
def test_a_stored_sensitivity_that_contradicts_itself(
    name: str, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.config.load import load_cases
    from harness.measure.detection import limit_set_of

    CALIBRATION.path(golden).unlink()
    stated = "tolerance: {same-hardware: {rel_l2: 1.0e-3}, cross-hardware: refuse}\n"
    a_project(golden, monkeypatch, stated + "min_sensitivity: 0.9\nforced: true\n")
    [case] = load_cases(Path("configs")).cases
    document = read_document(golden)
    shutil.move(golden, golden.with_suffix(".old"))
    write_capture(golden, {"images": VALUES}, case=case, accepted=ACCEPTED)
    limit_set = limit_set_of(case, None)
    assert limit_set is not None
    path = write_sensitivity(golden, a_sensitivity(outputs_digest(document), limits=limit_set.digest()))
    assert main(["sensitivity", "--stored"]) == 0
    edit, told = SENSITIVITY_CONTRADICTIONS[name]
    edited(path, edit)
    assert main(["sensitivity", "--stored"]) == 3
    [result] = json.loads(Path("out/sensitivity-stored.json").read_text())["cases"]
    assert told in result["reason"]


@pytest.mark.parametrize("kind", [CALIBRATION, SENSITIVITY])
def test_nobody_is_told_to_measure_over_what_a_newer_harness_wrote(
    kind: Kind, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.config.load import load_cases

    write_sensitivity(golden, a_sensitivity(outputs_digest(read_document(golden))))
    edited(kind.path(golden), set_to("schema", value=99))
    if kind is CALIBRATION:
        result = verified(golden, Relation.SAME_HARDWARE)
        assert (result.verdict, step_words(result.next_steps)) == (Verdict.ERROR, "upgrade the harness")
        assert "has schema 99" in reason_words(result.reasons)
    a_project(golden, monkeypatch, "tolerance: calibrated\nmin_sensitivity: 0.9\n")
    [case] = load_cases(Path("configs")).cases
    golden.unlink()
    write_capture(golden, {"images": VALUES}, case=case, accepted=ACCEPTED)
    assert main(["sensitivity", "--stored"]) == 3
    [stored] = json.loads(Path("out/sensitivity-stored.json").read_text())["cases"]
    assert stored["reason"].endswith("a newer harness wrote it: upgrade the harness")
    assert stored["next_step"] == ""


def test_the_shipped_files_hold_together() -> None:
    from harness.judge.calibrated import calibration_of

    goldens = sorted((ROOT / "goldens").rglob("*.safetensors"))
    assert goldens
    for golden in goldens:
        found = calibration_of(golden)
        assert not (isinstance(found, Unusable) and found.damaged), found
        seen = read_sensitivity(golden, read_document(golden))
        assert not (isinstance(seen, Unusable) and seen.damaged), seen
        assert isinstance(seen, Unusable) or SENSITIVITY.path(golden).is_file()
