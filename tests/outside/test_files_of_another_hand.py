"""Files that a merge, another editor or a newer harness wrote: each is called what it is, with the next step."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config.load import load_cases
from harness.errors import ConfigError, UnreadableGolden, UsageError
from harness.golden.calibrations import CALIBRATION, read_calibration
from harness.golden.header import read_document
from harness.golden.sensitivities import SENSITIVITY, read_sensitivity
from harness.golden.sidecar import Unusable
from harness.report.json_report import read_report, verify_json
from tests.golden.builders import write_capture
from tests.report.samples import FULL

CONFIG = "pipeline: DDIMPipeline\nmodel: {id: 'builtin:ddpm-digits'}\nsteps: 2\n"
CONFLICT = "<<<<<<< HEAD\nseed: 0\n=======\nseed: 1\n>>>>>>> their-branch\n"
DIFF3 = CONFLICT.replace("=======", "||||||| 1a2b3c4\nseed: 2\n=======")
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "<<<<<<< HEAD\noid sha256:00\nsize 12\n=======\noid sha256:11\nsize 13\n>>>>>>> their-branch\n"
)


def complaint(folder: Path, content: bytes) -> str:
    folder.mkdir()
    (folder / "a.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_cases(folder)
    [problem] = caught.value.problems
    return str(problem).removeprefix(f"{folder}/")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (CONFIG + CONFLICT, 4),
        (CONFLICT + CONFIG, 1),
        ((CONFIG + DIFF3).replace("\n", "\r\n"), 4),
        # Both sides differ in a comment alone, or lie inside of a text: YAML may not even complain.
        (CONFIG + "# why\n" + CONFLICT.replace("seed: ", "# "), 5),
        (CONFIG + 'call:\n  output_type: "n\n' + CONFLICT + 'p"\n', 6),
        # Half resolved.
        (CONFIG + "seed: 0\n=======\n", 5),
        (CONFIG + "seed: 0\n>>>>>>> their-branch\n", 5),
        (CONFIG + "||||||| 1a2b3c4\nseed: 0\n", 4),
    ],
)
def test_a_merge_conflict_in_a_config_is_called_so(tmp_path: Path, text: str, line: int) -> None:
    told = complaint(tmp_path / "configs", text.encode())
    assert told.startswith(f"a.yaml: line {line}: unresolved merge conflict (")
    assert "resolve it" in told


def test_every_conflict_of_a_config_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFLICT + CONFIG + CONFLICT)
    with pytest.raises(ConfigError) as caught:
        load_cases(tmp_path)
    assert [str(one).partition(": unres")[0].rpartition(" ")[2] for one in caught.value.problems] == [
        "1",
        "9",
    ]


def test_a_line_of_equals_signs_in_a_config_is_no_conflict(tmp_path: Path) -> None:
    text = CONFIG + 'call:\n  output_type: "np\n=======\n"\n# =======\n'
    (tmp_path / "a.yaml").write_text(text)
    [case] = load_cases(tmp_path).cases
    assert case.call["output_type"] == "np ======= "


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_config_in_another_encoding_is_told_which(tmp_path: Path, encoding: str) -> None:
    told = complaint(tmp_path / "configs", CONFIG.encode(encoding))
    assert told == f"a.yaml: {encoding[:6].upper()} text; save it as UTF-8"


def golden(folder: Path, **document: Any) -> Path:
    return write_capture(folder / "cpu-x86_64.safetensors", {"images": np.zeros(3, np.float32)}, **document)


def beside(path: Path, text: str) -> list[str]:
    """What is said of sidecars that hold the text."""
    document = read_document(path)
    reasons = []
    for kind, read in ((CALIBRATION, read_calibration), (SENSITIVITY, read_sensitivity)):
        kind.path(path).write_text(text, encoding="utf-8")
        found = read(path, document)
        assert isinstance(found, Unusable)
        reasons.append(found.reason)
    return reasons


def test_a_merge_conflict_in_a_sidecar_is_called_so(tmp_path: Path) -> None:
    text = '{\n<<<<<<< HEAD\n "schema": 1,\n=======\n "schema": 1,\n>>>>>>> their-branch\n}\n'
    for reason in beside(golden(tmp_path), text):
        assert "line 2: unresolved merge conflict (<<<<<<< HEAD); resolve it" in reason


def test_a_sidecar_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    for reason in beside(golden(tmp_path), '\ufeff{"schema": 1}'):
        assert "Invalid JSON" not in reason


def test_a_newer_sidecar_asks_for_a_newer_harness(tmp_path: Path) -> None:
    for reason in beside(golden(tmp_path), '{"schema": 99, "of": "a form of its own"}'):
        assert reason.endswith(
            "has schema 99, but this harness reads 1; a newer harness wrote it: upgrade the harness"
        )
    for reason in beside(golden(tmp_path), '{"schema": 0}'):
        assert "an older harness wrote it: measure the " in reason


def reading(content: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        read_report(content, "out/report.json")
    return str(caught.value)


def test_a_report_with_a_conflict_another_encoding_or_a_newer_schema() -> None:
    text = verify_json(FULL)
    assert "line 3: unresolved merge conflict (<<<<<<< HEAD)" in reading("{\n\n" + CONFLICT + text)
    assert "UTF-16 text; save it as UTF-8" in reading(text.encode("utf-16"))
    assert "a newer harness wrote it: upgrade the harness" in reading('{"schema": 99}')
    assert read_report("\ufeff" + text).cases == read_report(text.encode("utf-8-sig")).cases == FULL.cases


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableGolden) as caught:
        read_document(path)
    return str(caught.value)


def test_a_newer_golden_asks_for_a_newer_harness_and_never_to_record(tmp_path: Path) -> None:
    told = refusal(golden(tmp_path, schema=99))
    assert told.endswith(
        "has schema version 99, but this harness reads 1; a newer one wrote it; upgrade the harness"
    )
    assert refusal(golden(tmp_path, schema=0)).endswith(
        "an older one wrote it; verify with the harness that wrote it, then record the case again"
    )


@pytest.mark.parametrize("text", [POINTER, CONFLICT])
def test_a_golden_in_which_git_left_its_markers(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cpu-x86_64.safetensors"
    path.write_text(text)
    told = refusal(path)
    assert "conflict" in told
    assert "git checkout" in told
    assert "git lfs pull" not in told


def test_a_golden_that_holds_such_bytes_is_still_read(tmp_path: Path) -> None:
    marks = np.frombuffer(b"\n" + CONFLICT.encode(), np.uint8)
    path = write_capture(tmp_path / "a.safetensors", {"images": marks})
    assert path.stat().st_size < 4096
    assert struct.unpack("<Q", path.read_bytes()[:8])[0] > 0
    assert read_document(path).case == "ddim/two"
