from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import combinations
from xml.etree import ElementTree

import pytest

from harness.core.results.reasons import said
from harness.core.results.verdict import CaseResult, RanIn, Report
from harness.report.formats.junit import junit_xml
from harness.report.reason_words import reason_words
from tests.report.samples import (
    DRIFTED,
    ENVIRONMENT,
    ERROR,
    FULL,
    IDENTICAL,
    NO_GOLDEN,
    SKIPPED,
    STALE,
    WITHIN,
)


def _suite(report: Report, *, allow_missing: bool = False, strict: bool = False) -> ElementTree.Element:
    root = ElementTree.fromstring(junit_xml(report, allow_missing=allow_missing, strict=strict))
    assert root.tag == "testsuites"
    (suite,) = root
    own = {"skipped", "timestamp"}
    assert {name: value for name, value in suite.attrib.items() if name not in own} == root.attrib
    return suite


def _cases(suite: ElementTree.Element) -> list[ElementTree.Element]:
    return suite.findall("testcase")


def _of(*cases: CaseResult) -> Report:
    return Report(None, cases)


def test_a_document_with_one_suite_of_all_cases() -> None:
    text = junit_xml(FULL, allow_missing=False, strict=False)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ')
    suite = _suite(FULL)
    # 1.24 + 1.24 + 12.31 + 0.52 + 1.24 + 3 + 0 + 600
    assert suite.attrib == {
        "name": "harness",
        "tests": "8",
        "failures": "4",
        "errors": "1",
        "skipped": "1",
        "time": "619.550",
    }
    assert [case.get("name") for case in _cases(suite)] == [case.case for case in FULL.cases]
    assert [[child.tag for child in case] for case in _cases(suite)] == [
        [], [], ["failure", "system-err"], ["failure", "system-err"], ["failure"], ["failure"], ["skipped"], ["error"],
    ]  # fmt: skip


def test_warnings_are_what_the_test_printed_each_once() -> None:
    (case,) = _cases(_suite(_of(replace(IDENTICAL, warnings=("a\n::error::b", "c", "c")))))
    told = case.find("system-err")
    assert told is not None
    assert told.text == "warning: a ::error::b\nwarning: c"


def test_a_case_is_named_by_its_id_and_classed_by_its_folder() -> None:
    ids = ("sd/variants@call.prompt=a/b", "a/b/c", "alone")
    suite = _suite(_of(*(replace(IDENTICAL, case=name) for name in ids)))
    assert [(case.get("classname"), case.get("name"), case.get("time")) for case in _cases(suite)] == [
        ("sd", ids[0], "1.240"),
        ("a/b", ids[1], "1.240"),
        ("harness", ids[2], "1.240"),
    ]


def test_a_failure_holds_reason_and_details() -> None:
    failure = _suite(_of(STALE)).find("testcase/failure")
    assert failure is not None
    assert failure.attrib == {"message": "steps: 50 in the golden, now 20", "type": "stale"}
    assert failure.text == (
        "stale  sd/stale  (cpu-x86_64, same)\n"
        "  steps: 50 in the golden, now 20\n"
        "  next: if the new definition is meant:\n"
        "    harness record --update sd/stale"
    )


def test_a_failure_says_where_it_began() -> None:
    failure = _suite(_of(DRIFTED)).find("testcase/failure")
    assert failure is not None
    assert DRIFTED.first_divergence is not None
    assert DRIFTED.first_divergence.sentence in (failure.text or "")


def test_characters_that_xml_lacks_are_escaped() -> None:
    reason = "bad\x00\x1b[31m\x0b\ufffe\ud800 <&\"' 七 ]]>"
    suite = _suite(_of(replace(ERROR, reasons=said(reason), case="a\x01b")))
    error = suite.find("testcase/error")
    assert error is not None
    assert error.get("message") == "bad\\x00\\x0b\\ufffe\\ud800 <&\"' 七 ]]>"
    assert _cases(suite)[0].get("name") == "a\\x01b"


@pytest.mark.parametrize("allow_missing", [False, True])
@pytest.mark.parametrize("strict", [False, True])
def test_failures_and_errors_are_what_the_exit_code_says(allow_missing: bool, strict: bool) -> None:
    for count in (1, 2, 8):
        for cases in combinations(FULL.cases, count):
            suite = _suite(_of(*cases), allow_missing=allow_missing, strict=strict)
            failures, errors = int(suite.get("failures", "")), int(suite.get("errors", ""))
            expected = 3 if errors else 1 if failures else 0
            assert Report(None, cases).exit_code(allow_missing=allow_missing, strict=strict) == expected


def test_options_change_what_is_skipped() -> None:
    def tags(*, allow_missing: bool, strict: bool) -> list[str]:
        suite = _suite(_of(NO_GOLDEN, SKIPPED, DRIFTED), allow_missing=allow_missing, strict=strict)
        return [case[0].tag for case in _cases(suite)]

    assert tags(allow_missing=False, strict=False) == ["failure", "skipped", "failure"]
    assert tags(allow_missing=True, strict=False) == ["skipped", "skipped", "failure"]
    assert tags(allow_missing=False, strict=True) == ["failure", "failure", "failure"]


def test_skipped_says_why() -> None:
    skipped = _suite(_of(SKIPPED)).find("testcase/skipped")
    assert skipped is not None
    assert skipped.text == reason_words(SKIPPED.reasons)


def test_a_verify_that_was_not_finished_holds_an_error_that_names_what_is_left() -> None:
    suite = _suite(Report(None, (IDENTICAL,), finished=False, not_run=("sd/b", "sd/c")))
    assert (suite.get("tests"), suite.get("errors"), suite.get("failures")) == ("2", "1", "0")
    [error] = suite.iter("error")
    told = "not finished: 2 cases were not run to the end"
    assert error.attrib == {"message": told, "type": "unfinished"}
    assert error.text == "sd/b\nsd/c"


def test_the_suite_says_when_where_and_against_what() -> None:
    east = timezone(timedelta(hours=2))
    suite = _suite(replace(FULL, started=datetime(2026, 3, 1, 0, 59, 58, 777, tzinfo=east)))
    assert suite.get("timestamp") == "2026-02-28T22:59:58"
    properties = {one.get("name"): one.get("value") for one in suite.findall("properties/property")}
    assert properties["relation"] == "same, same-hardware"
    assert properties["platform"] == "cpu-x86_64"
    assert properties["software.packages.torch"] == "2.13.0+cpu"
    assert properties["hardware.device"] == "cpu"


def test_without_an_environment_there_is_nothing_to_tell() -> None:
    suite = _suite(_of(SKIPPED))
    assert suite.get("timestamp") is None
    assert [child.tag for child in suite] == ["testcase"]


def test_each_environment_of_a_merged_report_is_a_suite_with_names_of_its_own() -> None:
    gpu = replace(ENVIRONMENT, platform="cuda-sm90")
    report = replace(
        _of(IDENTICAL, DRIFTED, IDENTICAL, SKIPPED, STALE),
        environments=(RanIn(ENVIRONMENT, (0,)), RanIn(gpu, (1, 2)), RanIn(gpu, (4,))),
    )
    root = ElementTree.fromstring(junit_xml(report, allow_missing=False, strict=False))
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root] == [
        ("harness (cpu-x86_64)", "1", "0"),
        ("harness (cuda-sm90)", "2", "1"),
        ("harness (cuda-sm90) 2", "1", "1"),
        ("harness", "1", "0"),
    ]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("5", "2", "0")
    names = [case.get("name") for case in root.iter("testcase")]
    assert names[0] == "ddpm-digits/ddim@seed=0 (cpu-x86_64)"
    assert names[2] == "ddpm-digits/ddim@seed=0 (cuda-sm90)"
    assert names[4] == SKIPPED.case
    platforms = root.findall("testsuite/properties/property[@name='platform']")
    assert [one.get("value") for one in platforms] == ["cpu-x86_64", "cuda-sm90", "cuda-sm90"]


def test_an_unfinished_merged_report_is_told_once() -> None:
    gpu = replace(ENVIRONMENT, platform="cuda-sm90")
    environments = (RanIn(ENVIRONMENT, (0,)), RanIn(gpu, (1,)))
    report = replace(_of(IDENTICAL, WITHIN), environments=environments, finished=False, not_run=("a",))
    root = ElementTree.fromstring(junit_xml(report, allow_missing=False, strict=False))
    assert (root.get("tests"), root.get("errors")) == ("3", "1")


def test_how_the_golden_of_another_cpu_came_to_judge_is_what_the_test_printed() -> None:
    words = "recorded on AMD EPYC 9654, run on Intel Xeon: portable, so judged bit for bit"
    (case,) = _cases(_suite(_of(replace(IDENTICAL, portability=words, warnings=("a",)))))

    assert [child.tag for child in case] == ["system-out", "system-err"]
    assert case.findtext("system-out") == words
