"""`harness history` with files alone: older reports go in, nights come out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from harness.cli import main
from harness.core.results.verdict import Report, RunRecord
from harness.report.json_report import verify_json
from tests.history.nights import FIRST
from tests.report.samples import DRIFTED, ENVIRONMENT, IDENTICAL

CASE = IDENTICAL.case


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        result = replace(IDENTICAL, record=RunRecord(f"{number}" * 64, None, 0.1, 1.0))
        report = Report(ENVIRONMENT, (result, DRIFTED), started=FIRST + timedelta(days=number))
        place = tmp_path / f"old/{number}"
        place.mkdir(parents=True)
        (place / "report.json").write_text(verify_json(report), encoding="utf-8")
    return tmp_path


def imported(*numbers: int, file: str = "nightly/history.sqlite") -> None:
    paths = [f"old/{number}/report.json" for number in numbers]
    assert main(["history", "import", *paths, "--history", file, "--quiet"]) == 0


def nights(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    capsys.readouterr()
    assert main(["history", *words, "--json", "-"]) == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    return [night["started"][:10] for night in case["nights"]]


def test_reports_are_imported_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(0)
    assert main(["history", "import", "old/0/report.json", "old/1/report.json"]) == 0
    assert capsys.readouterr().out == "added 1 night; 1 was there already\n"
    assert nights(capsys, CASE) == ["2026-01-01", "2026-01-02"]


def test_histories_of_several_machines_are_merged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(0, 1, file="a.sqlite")
    imported(1, 2, file="b.sqlite")
    assert main(["history", "merge", "b.sqlite", "--history", "a.sqlite", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "added": 1, "known": 1}
    assert nights(capsys, CASE, "--history", "a.sqlite") == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_since_leaves_out_older_nights(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(0, 1, 2)
    assert nights(capsys, CASE, "--since", "2026-01-02") == ["2026-01-02", "2026-01-03"]
    assert main(["history", CASE, "--since", "2027-01-01"]) == 0
    assert capsys.readouterr().out == f"no night of {CASE} since 2027-01-01\n"


@pytest.mark.parametrize("glob", ["ddpm-digits/*"], ids=["CASE"])
def test_a_glob_selects_cases(folder: Path, capsys: pytest.CaptureFixture[str], glob: str) -> None:
    imported(0)
    assert main(["history", glob]) == 0
    shown = capsys.readouterr().out
    assert f"{CASE}  (cpu-x86_64), 1 night" in shown
    assert DRIFTED.case not in shown


def test_root_names_the_project_from_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    imported(0)
    monkeypatch.chdir(folder.parent)
    assert nights(capsys, CASE, "--root", folder.name) == ["2026-01-01"]


def test_files_are_relative_to_the_callers_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "goldens").mkdir()
    monkeypatch.chdir(folder / "configs")
    assert main(["history", "import", "../old/0/report.json", "--quiet"]) == 0
    assert (folder / "nightly/history.sqlite").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([CASE], "nightly/history.sqlite: no such file; run `harness nightly` first, or name the history"),
        (
            ["import", "old/9/report.json"],
            "old/9/report.json: cannot be read (No such file or directory); name",
        ),
        (
            ["import", "old/0/report.json", "unfinished.json"],
            "unfinished.json: its verify did not finish; leave it",
        ),
        (
            ["import", "timeless.json"],
            "timeless.json: an older harness wrote it, without saying when it began",
        ),
        (["merge", "none.sqlite"], "none.sqlite: no such file"),
        (["merge", "old/0/report.json"], "old/0/report.json: is not a history; name another file"),
    ],
)
def test_what_cannot_be_read_is_named_and_nothing_is_added(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    report = Report(ENVIRONMENT, (IDENTICAL,), started=FIRST)
    Path("unfinished.json").write_text(verify_json(replace(report, finished=False)))
    Path("timeless.json").write_text(verify_json(replace(report, started=None)))
    assert main(["history", *words]) == 2
    assert capsys.readouterr().err.startswith(f"error: {told}")
    imported(2)
    assert main(["history", CASE, "--quiet"]) == 0
    assert nights(capsys, CASE) == ["2026-01-03"]


def test_a_case_that_no_night_saw(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(0)
    assert main(["history", "ddpm-digits/ddim@seed=9"]) == 2
    assert "'ddpm-digits/ddim@seed=9' selects no case" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["import"], "import takes files; name at least one"),
        (["merge", "a", "--since", "2026-01-01"], "--since selects nights to show; leave it out with merge"),
        (["a", "--since", "yesterday"], "'yesterday' is not a day such as 2026-03-01"),
    ],
)
def test_misuse(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["history", *words])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
