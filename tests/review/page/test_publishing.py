"""Tests for writing the page of a report: it hides nothing, and leaves nothing of an earlier one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.results.verdict import Report
from harness.errors import StoreError
from harness.invocation.options import Options
from harness.review.page.publishing import discard_page, publish, try_to_publish

EMPTY = Report(None, ())


def test_the_page_is_where_it_is_asked_for(tmp_path: Path) -> None:
    publish(EMPTY, tmp_path / "out", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            StoreError("page: the disk is full"),
            "the page of the report could not be written: page: the disk is full",
        ),
        (
            KeyError("x"),
            "{page}: could not be written (KeyError: 'x'); the verdicts stand, and report.json holds them",
        ),
    ],
)
def test_a_page_that_cannot_be_written_is_a_warning(
    error: Exception, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> str:
        raise error

    monkeypatch.setattr("harness.report.page.page.page_html", fail)
    warnings: list[str] = []
    assert try_to_publish(EMPTY, Options(out=tmp_path), warnings.append) is None
    assert warnings == [told.format(page=tmp_path / "report.html")]


def test_an_earlier_page_goes_with_its_pictures(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "report-pictures/a").mkdir(parents=True)
    (tmp_path / "report.json").write_text("{}")
    discard_page(tmp_path)
    discard_page(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
