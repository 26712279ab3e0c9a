"""The verdicts as JUnit XML, for services that show test results.

JUnit XML has no single schema. This file follows those of Jenkins' xUnit plugin (junit-10.xsd) and of its junit plugin
(junit-4.xsd), the strictest in wide use; other services read it as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from xml.etree import ElementTree

from harness.core.environment import entries
from harness.core.results.verdict import PASSES, CaseResult, Report, Verdict
from harness.report.details import case_details, text_of
from harness.report.harmless import harmless, one_line, plain
from harness.report.reason_words import reason_words, warning_words
from harness.report.wording import fails, unfinished_words

SUITE = "harness"


def junit_xml(report: Report, *, allow_missing: bool, strict: bool) -> str:
    """One test case per case; failures and errors are those that `Report.exit_code` counts.

    A case that neither passes nor fails (skipped, or an allowed missing golden) is `skipped`. An unfinished run
    has one more test case, an error that names the cases that were not judged.
    """
    cases = [
        _test_case(case, fails(case, allow_missing=allow_missing, strict=strict)) for case in report.cases
    ]
    cases += [] if report.finished else [_unfinished(report)]
    counts = {
        "tests": str(len(cases)),
        "failures": _count(cases, "failure"),
        "errors": _count(cases, "error"),
        "time": _time(sum(case.seconds for case in report.cases)),
    }
    root = ElementTree.Element("testsuites", {"name": SUITE, **counts})
    own = {"skipped": _count(cases, "skipped"), **_timestamp(report)}
    suite = ElementTree.SubElement(root, "testsuite", {"name": SUITE, **counts, **own})
    suite.extend(_properties(report))
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
        told = ElementTree.SubElement(
            element, tag, {"message": plain(reason_words(case.reasons)), "type": case.verdict}
        )
        told.text = text_of(case_details(case))
    elif case.verdict not in PASSES:
        # The junit plugin's schema allows no attribute here; readers that look for a message take the text.
        ElementTree.SubElement(element, "skipped").text = harmless(reason_words(case.reasons))
    if case.portability:
        ElementTree.SubElement(element, "system-out").text = harmless(one_line(case.portability))
    if case.warnings:
        # The format has no field for warnings, but every service shows what a test printed.
        lines = dict.fromkeys(f"warning: {one_line(warning)}" for warning in warning_words(case.warnings))
        ElementTree.SubElement(element, "system-err").text = harmless("\n".join(lines))
    return element


def _timestamp(report: Report) -> dict[str, str]:
    """When the run began, in UTC; the formats in use allow no time zone here."""
    if report.started is None:
        return {}
    return {"timestamp": report.started.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")}


def _properties(report: Report) -> list[ElementTree.Element]:
    """The element that says how the cases were run; none without a property, since it must not be empty."""
    found = list(_described(report))
    if not found:
        return []
    element = ElementTree.Element("properties")
    for name, value in found:
        ElementTree.SubElement(element, "property", {"name": plain(name), "value": plain(value)})
    return [element]


def _described(report: Report) -> Iterator[tuple[str, str]]:
    """The relations that judged, and the fingerprint without the packages that cannot change a number."""
    relations = {case.relation for case in report.cases if case.relation}
    if relations:
        yield "relation", ", ".join(sorted(relations))
    if report.environment:
        for name, value in entries(report.environment).items():
            if not name.startswith("software.imported."):
                yield name, value


def _count(cases: list[ElementTree.Element], tag: str) -> str:
    return str(sum(case.find(tag) is not None for case in cases))


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"
