"""Workflow commands of GitHub Actions: one a line, escaped, within the limits, at the config's line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.results.next_step import harness_step
from harness.core.results.reasons import Message, said
from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.report.formats.annotations import annotation_commands
from tests.report.samples import DRIFTED, IDENTICAL, NO_GOLDEN, SKIPPED, STALE


def commands(*cases: CaseResult, workspace: str = "", finished: bool = True, **how: bool) -> list[str]:
    passing = {"allow_missing": False, "strict": False, **how}
    report = Report(None, cases, finished=finished, not_run=() if finished else ("x", "y"))
    return list(annotation_commands(report, workspace, **passing))


def errors(count: int, text: str = "{}") -> list[CaseResult]:
    failed = CaseResult("", Verdict.ERROR, None, None, None, (), 0.0)
    return [replace(failed, case=f"c{one}", reasons=said(text.format(one))) for one in range(count)]


def test_a_failure_is_an_error_at_its_line() -> None:
    case = replace(STALE, source="configs/sd/stale.yaml", line=7)
    assert commands(case, IDENTICAL) == [
        "::error file=configs/sd/stale.yaml,line=7,title=stale%3A sd/stale::steps: 50 in the golden, now 20%0A"
        "next: harness record --update sd/stale"
    ]


def test_where_it_began_is_told_and_a_warning_is_a_warning() -> None:
    assert DRIFTED.first_divergence is not None
    case = replace(DRIFTED, case="sd/a", source="configs/sd/a.yaml", line=3, next_steps=())
    told, warned = commands(case)
    assert told == (
        "::error file=configs/sd/a.yaml,line=3,title=drifted%3A sd/a::images: max_abs 0.00104 > 0.0001, "
        f"rel_l2 0.000314 > 1e-05%0A{DRIFTED.first_divergence.sentence}"
    )
    assert warned == (
        "::warning file=configs/sd/a.yaml,line=3,title=warning%3A sd/a::python: the pipeline drew from the global "
        "generator"
    )


def test_what_passes_on_request_is_no_failure() -> None:
    assert commands(IDENTICAL, SKIPPED) == []
    assert len(commands(SKIPPED, strict=True)) == 1
    assert len(commands(NO_GOLDEN)) == 1
    assert commands(NO_GOLDEN, allow_missing=True) == []


def test_text_of_others_ends_no_command_and_begins_none() -> None:
    nasty = "50% a\r\nb::error::c,d:e\x1b[31m\n::warning::f"
    case = replace(
        STALE, case="a,b:c%\n::error::d", reasons=said(nasty), next_steps=(harness_step("", nasty),)
    )
    [told] = commands(replace(case, source="configs/a,b:c%.yaml", line=1, warnings=()))
    assert "\n" not in told
    assert "\r" not in told
    assert told == (
        "::error file=configs/a%2Cb%3Ac%25.yaml,line=1,title=stale%3A a%2Cb%3Ac%25 %3A%3Aerror%3A%3Ad::"
        "50%25 a b::error::c,d:e ::warning::f%0A"
        "next: harness '50%25 a b::error::c,d:e ::warning::f'"
    )


def test_a_report_of_an_earlier_version_has_no_file_to_point_at() -> None:
    assert commands(*errors(1, "why")) == ["::error title=error%3A c0::why"]


def test_a_case_without_a_reason_still_has_a_message() -> None:
    assert commands(replace(errors(1)[0], reasons=())) == ["::error title=error%3A c0::error: c0"]


@pytest.mark.parametrize(("count", "shown"), [(9, 9), (10, 10), (11, 10), (60, 10)])
def test_github_keeps_ten_of_each_level_so_the_tenth_counts_the_rest(count: int, shown: int) -> None:
    warned = [replace(one, warnings=(f"w{place}",)) for place, one in enumerate(errors(count))]
    found = commands(*warned)
    for level, noun in (("error", "more failing case"), ("warning", "more warning")):
        told = [line for line in found if line.startswith(f"::{level} ")]
        assert len(told) == shown
        rest = count - shown + 1
        assert (f"{rest} {noun}s" in told[-1]) is (count > 10)


def test_each_cause_is_seen_before_a_second_case_of_any() -> None:
    same = errors(20, "the same")
    other = replace(errors(1)[0], case="other", reasons=(Message("else"),))
    assert "title=error%3A other" in commands(*same, other)[1]


def test_an_unfinished_run_is_an_error_that_names_what_is_left() -> None:
    [told] = commands(IDENTICAL, finished=False)
    assert told == "::error title=not finished%3A 2 cases were not run to the end::x, y"


def test_one_warning_of_several_cases_is_told_once() -> None:
    cases = [replace(IDENTICAL, case=name, warnings=("w",)) for name in "abc"]
    assert commands(*cases) == ["::warning title=warning%3A a and 2 other cases::w"]


def test_paths_are_relative_to_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "checkout/sub/project"
    project.mkdir(parents=True)
    monkeypatch.chdir(project)
    case = replace(STALE, source="configs/a.yaml", line=1)
    inside = commands(case, workspace=str(tmp_path / "checkout"))
    assert inside[0].startswith("::error file=sub/project/configs/a.yaml,line=1,")
    outside = commands(case, workspace=str(tmp_path / "other"))
    assert outside[0].startswith("::error file=configs/a.yaml,line=1,")


def test_long_texts_are_cut() -> None:
    [told] = commands(*errors(1, "x" * 9999))
    assert len(told) < 2300
    assert told.endswith("x…")
