"""`harness report` shows what the last verify found, in every form, with the exit code that it had."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.cli import main
from harness.core.results.reasons import said
from harness.core.results.verdict import CaseResult, Passing, Report, Verdict
from harness.report.json_report import verify_json


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    return tmp_path


def left(folder: Path, verdict: Verdict, passing: Passing = Passing(), *, finished: bool = True) -> None:
    case = CaseResult("ddim/two", verdict, None, None, None, said("because"), 1.0)
    report = Report(None, (case,), passing=passing, finished=finished)
    (folder / "out/report.json").write_text(verify_json(report), encoding="utf-8")


def shown(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["harness", "report", *words])
    return main()


@pytest.mark.parametrize(
    ("verdict", "passing", "code"),
    [
        (Verdict.IDENTICAL, Passing(), 0),
        (Verdict.DRIFTED, Passing(), 1),
        (Verdict.ERROR, Passing(), 3),
        (Verdict.NO_GOLDEN, Passing(), 1),
        (Verdict.NO_GOLDEN, Passing(allow_missing=True), 0),
        (Verdict.SKIPPED, Passing(), 0),
        (Verdict.SKIPPED, Passing(strict=True), 1),
    ],
)
def test_the_exit_code_is_that_of_the_verify(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verdict: Verdict,
    passing: Passing,
    code: int,
) -> None:
    left(folder, verdict, passing)
    assert shown(monkeypatch) == code
    printed = capsys.readouterr()
    assert "ddim/two" in printed.out
    assert f"exit code {code}" in printed.out


def test_an_unfinished_verify_passes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left(folder, Verdict.IDENTICAL, finished=False)
    assert shown(monkeypatch) == 3


def test_every_form_is_written_and_the_json_is_the_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(folder, Verdict.SKIPPED, Passing(strict=True))
    words = ["--json", "again.json", "--junit", "again.xml", "--markdown", "again.md"]
    assert shown(monkeypatch, *words) == 1
    original, again = (json.loads(Path(name).read_text()) for name in ("out/report.json", "again.json"))
    assert again == original
    # What fails by `--strict` fails in these too.
    assert ElementTree.parse("again.xml").getroot().find(".//failure") is not None
    assert "**skipped**" in Path("again.md").read_text()


def test_without_a_report_it_says_what_to_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(monkeypatch) == 2
    assert "run `harness verify` first" in capsys.readouterr().err


def test_what_is_no_report_is_told_and_passes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "out/report.json").write_text("{}")
    assert shown(monkeypatch) not in (0, 1)
    assert "out/report.json" in capsys.readouterr().err


def test_html_writes_a_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left(folder, Verdict.DRIFTED)
    assert shown(monkeypatch, "--html", "page.html") == 1
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "1 of 1 case failed" in page
    assert "ddim/two" in page


def test_a_page_has_pictures_beside_it_so_it_needs_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left(folder, Verdict.DRIFTED)
    with pytest.raises(SystemExit) as ended:
        shown(monkeypatch, "--html", "-")
    assert ended.value.code == 2
    assert "--html writes pictures beside its page; name a file" in capsys.readouterr().err
