"""The verdicts as JUnit XML, for the services that show test results."""

from __future__ import annotations

from xml.etree import ElementTree

from harness.core.verdict import PASSES, CaseResult, Report, Verdict
from harness.report.details import case_details, text_of
from harness.report.wording import fails, plain, unfinished_words

SUITE = "harness"


def junit_xml(report: Report, *, allow_missing: bool, strict: bool) -> str:
    """One test case for each case: failures and errors are what `Report.exit_code` counts as such.

    What neither passed nor fails (skipped, or no golden where that is allowed) is `skipped`. A run that was
    not finished has one more test case, an error that names the cases which were not judged.
    """
    cases = [
        _test_case(case, fails(case, allow_missing=allow_missing, strict=strict)) for case in report.cases
    ]
    cases += [] if report.finished else [_unfinished(report)]
    counts = {
        "tests": str(len(cases)),
        "failures": _count(cases, "failure"),
        "errors": _count(cases, "error"),
        "skipped": _count(cases, "skipped"),
        "time": _time(sum(case.seconds for case in report.cases)),
    }
    root = ElementTree.Element("testsuites", {"name": SUITE, **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": SUITE, **counts})
    suite.extend(cases)
    ElementTree.indent(root)
    return _DECLARATION + ElementTree.tostring(root, encoding="unicode") + "\n"


_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def _unfinished(report: Report) -> ElementTree.Element:
    attributes = {"classname": SUITE, "name": "unfinished", "time": _time(0.0)}
    element = ElementTree.Element("testcase", attributes)
    message = {"message": unfinished_words(report.not_run), "type": "unfinished"}
    ElementTree.SubElement(element, "error", message).text = plain("\n".join(report.not_run))
    return element


def _test_case(case: CaseResult, failed: bool) -> ElementTree.Element:
    folder = case.case.partition("@")[0].rpartition("/")[0] or SUITE
    attributes = {"classname": plain(folder), "name": plain(case.case), "time": _time(case.seconds)}
    element = ElementTree.Element("testcase", attributes)
    if failed:
        tag = "error" if case.verdict is Verdict.ERROR else "failure"
        told = ElementTree.SubElement(element, tag, {"message": plain(case.reason), "type": case.verdict})
        told.text = text_of(case_details(case))
    elif case.verdict not in PASSES:
        ElementTree.SubElement(element, "skipped", {"message": plain(case.reason)})
    return element


def _count(cases: list[ElementTree.Element], tag: str) -> str:
    return str(sum(case.find(tag) is not None for case in cases))


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"
