"""What could not be compared is never a pass: a golden without its trace or its weights' digests is an error."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from harness.core.capture import Acceptance, Completed
from harness.core.case import Case
from harness.core.results.verdict import CaseResult, Verdict
from harness.core.trace import TraceLevel
from harness.golden.store import GoldenStore
from harness.report.reason_words import reason_words, step_words, warning_words
from tests.golden.builders import a_case, environment, write_capture
from tests.support.evidence import judge
from tests.support.files import describe
from tests.support.traces import CLASSES, Call, structure_of, write_trace

ACCEPTANCE = Acceptance("record", "2026-01-01T00:00:00+00:00", 2, "0.1.0")
WEIGHTS = {"unet": "1" * 64, "vae": "2" * 64}
IMAGES = np.linspace(0, 1, 16, dtype=np.float32)
CASE = a_case()
ALONE = a_case(trace=TraceLevel.NONE)
UPDATE = "harness record --update ddim/two"


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A capture with outputs, a full trace and the digests of its weights."""
    return whole(tmp_path / "out" / "capture.safetensors")


def whole(path: Path) -> Path:
    calls = [Call("unet.forward", {"sample": IMAGES}, {"sample": IMAGES + 1})]
    write_trace(path, calls, structure=structure_of({"unet": {"channels": 4}}))
    return changed(path, add={"output/images": IMAGES}, weights=WEIGHTS)


def changed(path: Path, *, add: dict | None = None, drop: str | None = None, **document: object) -> Path:
    """Add or drop tensors, and change the document, with digests that fit."""
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        told = json.loads(file.metadata()["harness"])
    tensors = {name: value for name, value in (tensors | (add or {})).items() if name != drop}
    digests = {name: sha256(value.tobytes()).hexdigest() for name, value in tensors.items()}
    told |= {"sha256": digests, **document}
    save_file(tensors, path, metadata={"harness": json.dumps(told)})
    return path


def level(path: Path, name: str, version: int = 1) -> None:
    with safe_open(path, framework="numpy") as file:
        index = json.loads(bytes(file.get_tensor("trace/events")))
    text = json.dumps({**index, "level": name, "version": version}).encode()
    changed(path, add={"trace/events": np.frombuffer(text, np.uint8)})


def without_trace(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        names = [name for name in file.keys() if name.startswith("trace/")]  # noqa: SIM118
    for name in names:
        changed(path, drop=name)


def judged(tmp_path: Path, capture: Path, golden: Path, case: Case = CASE) -> CaseResult:
    store = GoldenStore(tmp_path / "goldens")
    store.accept(golden, ACCEPTANCE)
    return judge(case, Completed(str(capture), environment(), 1.0), store)


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    return whole(tmp_path / "golden.safetensors")


def test_the_whole_golden_passes(tmp_path: Path, capture: Path, golden: Path) -> None:
    result = judged(tmp_path, capture, golden)
    assert (result.verdict, result.warnings) == (Verdict.IDENTICAL, ())


def test_a_golden_without_the_trace_that_the_case_asks_for(
    tmp_path: Path, capture: Path, golden: Path
) -> None:
    without_trace(golden)
    result = judged(tmp_path, capture, golden)
    assert result.verdict is Verdict.ERROR
    assert "the golden has no trace" in reason_words(result.reasons)
    assert "only the outputs could be compared (identical)" in reason_words(result.reasons)
    assert UPDATE in step_words(result.next_steps)
    assert "`trace: none`" in step_words(result.next_steps)
    assert [tensor.verdict for tensor in result.tensors] == [Verdict.IDENTICAL], "what was compared is shown"


def test_a_case_that_asks_for_none_is_judged_by_its_outputs(
    tmp_path: Path, capture: Path, golden: Path
) -> None:
    without_trace(golden)
    without_trace(capture)
    assert judged(tmp_path, capture, golden, ALONE).verdict is Verdict.IDENTICAL


def test_a_trace_of_a_lower_level(tmp_path: Path, capture: Path, golden: Path) -> None:
    level(golden, "components")
    result = judged(tmp_path, capture, golden)
    assert result.verdict is Verdict.ERROR
    assert "a trace of level components, but the case asks for full" in reason_words(result.reasons)
    components = a_case(trace=TraceLevel.COMPONENTS)
    assert judged(tmp_path, capture, golden, components).verdict is Verdict.IDENTICAL


def test_a_trace_of_another_version(tmp_path: Path, capture: Path, golden: Path) -> None:
    level(golden, "full", version=2)
    result = judged(tmp_path, capture, golden)
    assert result.verdict is Verdict.ERROR
    assert "a trace of version 2, this harness compares version 1" in reason_words(result.reasons)
    assert step_words(result.next_steps).startswith("upgrade the harness; ")
    level(golden, "full", version=0)
    assert step_words(judged(tmp_path, capture, golden).next_steps).startswith(
        "record it again: harness record --update "
    )


def test_a_run_without_the_trace_that_the_case_asks_for(tmp_path: Path, capture: Path, golden: Path) -> None:
    without_trace(capture)
    result = judged(tmp_path, capture, golden)
    assert (result.verdict, "the run has no trace" in reason_words(result.reasons)) == (Verdict.ERROR, True)


def test_a_golden_that_knows_no_weights(tmp_path: Path, capture: Path, golden: Path) -> None:
    describe(golden, lambda document: document.update(weights={}))
    result = judged(tmp_path, capture, golden)
    assert result.verdict is Verdict.ERROR
    assert "the golden does not record which weights it was made from" in reason_words(result.reasons)
    alone = judged(tmp_path, capture, golden, ALONE)
    assert alone.verdict is Verdict.IDENTICAL
    assert "which weights it was made from" in warning_words(alone.warnings)[-1]


@pytest.mark.parametrize("whose", ["golden", "run"])
def test_the_weights_of_one_component(tmp_path: Path, capture: Path, golden: Path, whose: str) -> None:
    path = golden if whose == "golden" else capture
    describe(path, lambda document: document["weights"].pop("vae"))
    result = judged(tmp_path, capture, golden)
    assert result.verdict is Verdict.ERROR
    assert f"the {whose} does not record which weights vae had" in reason_words(result.reasons)


def test_a_component_that_one_release_has_and_another_has_not(
    tmp_path: Path, capture: Path, golden: Path
) -> None:
    """It is no checkpoint that went unseen: the structure tells of it, and fails nothing."""
    classes = {name: value for name, value in CLASSES.items() if name != "vae"}
    calls = [Call("unet.forward", {"sample": IMAGES}, {"sample": IMAGES + 1})]
    structure = structure_of({"unet": {"channels": 4}}, classes=classes)
    write_trace(golden, calls, structure=structure)
    changed(golden, add={"output/images": IMAGES}, weights={"unet": "1" * 64})
    result = judged(tmp_path, capture, golden)
    assert result.verdict is Verdict.IDENTICAL, reason_words(result.reasons)
    assert any(finding.what == "vae" for finding in result.exact_findings)


def test_a_failure_stays_one_and_the_missing_trace_is_told(
    tmp_path: Path, capture: Path, golden: Path
) -> None:
    without_trace(golden)
    changed(golden, add={"output/images": IMAGES * 2})
    result = judged(tmp_path, capture, golden)
    assert result.verdict is Verdict.DRIFTED
    assert "the golden has no trace" in warning_words(result.warnings)[-1]


def test_a_golden_with_fewer_outputs(tmp_path: Path, capture: Path, golden: Path) -> None:
    changed(capture, add={"output/mask": IMAGES})
    result = judged(tmp_path, capture, golden)
    assert (result.verdict, "mask: missing in the golden" in reason_words(result.reasons)) == (
        Verdict.BROKEN,
        True,
    )


def test_a_text_that_is_no_text_in_the_golden(tmp_path: Path) -> None:
    files = [
        write_capture(tmp_path / name, {}, text={"answer": "seven"}, case=ALONE) for name in ("one", "two")
    ]
    describe(files[1], lambda document: document.update(text=[]))
    result = judged(tmp_path, files[0], files[1], ALONE)
    assert (result.verdict, "now text" in reason_words(result.reasons)) == (Verdict.BROKEN, True)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("trace/structure", {"attributes": []}),
        ("trace/structure", {"components": {"unet": {"class_name": "U", "config": {}, "modules": {"": 99}}}}),
        ("trace/structure", {"components": {"unet": {"class_name": "U", "config": {}, "modules": {"": -1}}}}),
        ("trace/events", {"signatures": []}),
        ("trace/events", {"values": []}),
    ],
)
def test_a_trace_that_refers_to_what_is_not_there(
    tmp_path: Path, capture: Path, golden: Path, name: str, change: dict[str, object]
) -> None:
    with safe_open(golden, framework="numpy") as file:
        found = json.loads(bytes(file.get_tensor(name)))
    changed(golden, add={name: np.frombuffer(json.dumps(found | change).encode(), np.uint8)})
    result = judged(tmp_path, capture, golden)
    assert (result.verdict, "has a damaged trace" in reason_words(result.reasons)) == (Verdict.ERROR, True)
    assert step_words(result.next_steps) == "restore the file from version control or a backup"
