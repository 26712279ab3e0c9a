"""Where documents go, and which targets are refused before anything is run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import HarnessError, StoreError, UsageError
from harness.invocation.emit import check_targets, emit, emit_json, is_standard_output
from harness.invocation.options import Options


def test_each_text_goes_to_its_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emit(("-", "one"), ("-", "two\n"), (tmp_path / "new/three.txt", "three"))
    assert capsys.readouterr().out == "one\ntwo\n"
    assert (tmp_path / "new/three.txt").read_text().strip() == "three"


def test_what_fails_is_told_after_all_others_were_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "other").mkdir()
    with pytest.raises(HarnessError) as raised:
        emit((tmp_path / "folder", "a"), ("-", "b"), (tmp_path / "other", "c"))
    assert capsys.readouterr().out == "b\n"
    told = str(raised.value).splitlines()
    assert len(told) == 2
    assert str(tmp_path / "folder") in told[0]
    assert str(tmp_path / "other") in told[1]


def test_json_goes_nowhere_unless_asked_for_and_nothing_in_it_acts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    emit_json('{"a": 1}', Options())
    assert capsys.readouterr().out == ""
    emit_json('{"a": "\x9b31m"}', Options(json="-"))
    assert capsys.readouterr().out == '{"a": "\\u009b31m"}\n'


def test_standard_output_under_any_of_its_names() -> None:
    assert is_standard_output("-")
    assert not is_standard_output("./-")
    assert not is_standard_output("/dev/null")
    if Path("/dev/fd").exists():
        assert is_standard_output("/dev/fd/1")
        assert not is_standard_output("/dev/fd/2")


@pytest.mark.parametrize("target", ["", f"reports{os.sep}"])
def test_a_target_names_a_file(target: str) -> None:
    with pytest.raises(UsageError, match="names no file"):
        check_targets([target])


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    with pytest.raises((UsageError, StoreError)):
        check_targets([tmp_path])


@pytest.mark.parametrize("targets", [["-", "-"], ["a.json", "./a.json"]])
def test_a_file_takes_one_document(
    targets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="named twice"):
        check_targets(targets)


def test_different_files_are_fine_and_checking_writes_none(tmp_path: Path) -> None:
    check_targets([tmp_path / "a.json", tmp_path / "b.xml", "-"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="there is no /dev/null here")
def test_a_device_takes_several() -> None:
    check_targets(["/dev/null", Path("/dev/null")])


def test_the_summary_of_a_step_is_added_to_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary, other = tmp_path / "step/summary.md", tmp_path / "other.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    for text in ("# one\n", "# two\n"):
        emit((summary, text), (other, text))
    assert summary.read_text() == "# one\n\n# two\n"
    assert other.read_text() == "# two\n"


def test_a_summary_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(UsageError, match="name a file"):
        emit((tmp_path, "a"))
