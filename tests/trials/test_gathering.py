"""The captures of merged reports are where `accept` and the page look for them, and only those that were judged."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.results.verdict import CaseResult, FileDigest, Report, Verdict
from harness.errors import StoreError, UsageError
from harness.trials.gathering import gathered


def judged(folder: Path, name: str, content: bytes = b"bits", platform: str = "cpu-x86_64") -> CaseResult:
    """A result whose capture lies in a folder that was moved after its report was written."""
    path = folder / "captures" / name / "capture.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    capture = FileDigest(f"out/captures/{name}/capture.safetensors", hashlib.sha256(content).hexdigest())
    return CaseResult(name, Verdict.DRIFTED, platform, None, None, (), 1.0, capture=capture)


def test_captures_lie_where_those_of_a_verify_lie(tmp_path: Path) -> None:
    cases = judged(tmp_path / "a", "sd/one", b"1"), judged(tmp_path / "b", "sd/two", b"2")
    skipped = replace(cases[0], case="sd/three", verdict=Verdict.SKIPPED, capture=None)
    found = gathered(Report(None, (*cases, skipped)), [tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert found.missing == ()
    for case, content in zip(found.report.cases, (b"1", b"2"), strict=False):
        assert case.capture is not None
        assert case.capture.path == (tmp_path / f"all/captures/{case.case}/capture.safetensors").as_posix()
        assert Path(case.capture.path).read_bytes() == content
    assert found.report.cases[2] == skipped


def test_a_case_of_several_platforms_has_a_capture_for_each(tmp_path: Path) -> None:
    cases = judged(tmp_path / "a", "one", b"1"), judged(tmp_path / "b", "one", b"2", "cuda-sm90")
    skipped = replace(cases[0], platform=None, capture=None)
    folders = [tmp_path / "a", tmp_path / "b"]
    gathered(Report(None, (*cases, skipped)), folders, tmp_path / "all")
    place = tmp_path / "all/captures/one"
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {
        "cpu-x86_64.safetensors": b"1",
        "cuda-sm90.safetensors": b"2",
    }
    # One of them alone stays where `accept` looks first.
    gathered(Report(None, (cases[0], skipped)), folders, tmp_path / "one")
    assert (tmp_path / "one/captures/one/capture.safetensors").read_bytes() == b"1"


def test_a_capture_that_is_gone_or_has_changed_is_missing_and_its_result_stays(tmp_path: Path) -> None:
    cases = judged(tmp_path / "a", "gone"), judged(tmp_path / "a", "changed")
    (tmp_path / "a/captures/gone/capture.safetensors").unlink()
    (tmp_path / "a/captures/changed/capture.safetensors").write_bytes(b"other")
    found = gathered(Report(None, cases), [tmp_path / "a"], tmp_path / "all")
    assert found.missing == ("gone", "changed")
    assert found.report.cases == cases
    assert not list((tmp_path / "all").rglob("*.safetensors"))


def test_a_capture_is_found_where_the_report_says_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    case = judged(tmp_path / "out", "one")
    assert gathered(Report(None, (case,)), [tmp_path / "artifacts"], Path("all")).missing == ()


def test_what_lies_in_the_folder_already_stays_there(tmp_path: Path) -> None:
    case = judged(tmp_path / "a", "one")
    assert gathered(Report(None, (case,)), [tmp_path / "a"], tmp_path / "a").missing == ()
    assert (tmp_path / "a/captures/one/capture.safetensors").read_bytes() == b"bits"


@pytest.mark.parametrize("name", ["../one", "/etc/one", "a/../../one", "a//b", "", "a/./b", "a\0b"])
def test_nothing_is_written_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    case = replace(judged(tmp_path / "a", "one"), case=name)
    with pytest.raises(UsageError, match="leads out of the folder"):
        gathered(Report(None, (case,)), [tmp_path / "a"], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_a_platform_leads_nowhere_either(tmp_path: Path) -> None:
    cases = [replace(judged(tmp_path / one, "one"), platform=f"../../{one}") for one in "ab"]
    with pytest.raises(UsageError, match="leads out of the folder"):
        gathered(Report(None, (*cases,)), [tmp_path / "a", tmp_path / "b"], tmp_path / "all")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    case = judged(tmp_path / "a", "one")
    (tmp_path / "all").write_text("a file")
    with pytest.raises((StoreError, UsageError), match="all"):
        gathered(Report(None, (case,)), [tmp_path / "a"], tmp_path / "all")
