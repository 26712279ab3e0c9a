"""What the options make of a report, and when GitHub Actions is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.results.next_step import NextStep, accept_step
from harness.core.results.verdict import CaseResult, Passing, Report, Verdict
from harness.invocation.options import Options
from harness.invocation.publish import annotate, documents, judged_here
from tests.report.samples import FULL, SKIPPED, STALE
from tests.report.screens import shown


def test_only_what_the_options_name_is_made() -> None:
    assert list(documents(FULL, Options())) == []


def test_each_form_says_what_failed_in_that_verify() -> None:
    report = Report(None, (SKIPPED,), passing=Passing(strict=True))
    targets = {"json": "r.json", "junit": Path("j.xml"), "markdown": Path("m.md")}
    found = dict(documents(report, Options(**targets)))  # type: ignore[arg-type]
    assert list(found) == ["r.json", Path("j.xml"), Path("m.md")]
    assert json.loads(found["r.json"])["options"] == {"allow_missing": False, "strict": True}
    assert "<failure" in found[Path("j.xml")]
    assert "### 1 case: skipped" in found[Path("m.md")]


def test_json_for_a_log_obeys_nothing() -> None:
    [(_, text)] = documents(Report(None, (replace(STALE, case="\x9b31m"),)), Options(json="-"))
    assert "\x9b" not in text


@pytest.mark.parametrize(
    ("variable", "options", "count"),
    [
        (None, Options(), 0),
        ("false", Options(), 0),
        ("true", Options(), 1),
        ("true", Options(annotations=False), 0),
    ],
)
def test_github_is_told_only_in_actions_and_unless_forbidden(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, options: Options, count: int
) -> None:
    if variable:
        monkeypatch.setenv("GITHUB_ACTIONS", variable)
    told = shown(lambda screen: annotate(Report(None, (STALE,)), options, screen), quiet=True)
    assert told.count("::error title=stale%3A sd/stale::") == count
    assert bool(told) is bool(count)


def test_advice_to_accept_names_the_folder_of_the_verify() -> None:
    other = NextStep("look", ("harness", "explain", "a"))
    steps = (other, accept_step("if meant", "a"))
    result = CaseResult("a", Verdict.DRIFTED, "cpu-x86_64", None, None, (), 0.0, next_steps=steps)
    assert judged_here(result, Options()) == result
    there = judged_here(result, Options(out=Path("build"))).next_steps
    assert there == (
        other,
        NextStep("if meant", ("harness", "accept", "--out", "build", "a", "--reason", "...")),
    )
