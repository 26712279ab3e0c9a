"""The verdicts as JUnit XML, for services that show test results.

JUnit XML has no single schema. This file follows those of Jenkins' xUnit plugin (junit-10.xsd) and of its junit plugin
(junit-4.xsd), the strictest in wide use; other services read it as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from xml.etree import ElementTree

from harness.core.environment import Environment, entries
from harness.core.results.verdict import PASSES, CaseResult, Report, Verdict
from harness.report.details import case_details, text_of
from harness.report.harmless import harmless, one_line, plain
from harness.report.reason_words import reason_words, warning_words
from harness.report.wording import fails, unfinished_words

SUITE = "harness"


def junit_xml(report: Report, *, allow_missing: bool, strict: bool) -> str:
    """One test case per case; failures and errors are those that `Report.exit_code` counts.

    A case that neither passes nor fails (skipped, or an allowed missing golden) is `skipped`. An unfinished run
    has one more test case, an error that names the cases that were not judged. A report of several environments has a
    suite for each, whose test cases are named after its platform too.
    """
    suites = list[ElementTree.Element]()
    for environment, cases in report.in_environments():
        platform = environment.platform if environment and report.environments else ""
        found = [
            _test_case(case, fails(case, allow_missing=allow_missing, strict=strict), platform)
            for case in cases
        ]
        if not report.finished and not suites:
            found.append(_unfinished(report))
        seconds = sum(case.seconds for case in cases)
        suites.append(
            _suite(_free(platform, suites), found, seconds, report, _properties(environment, cases))
        )
    counts = {
        name: str(sum(int(one.get(name, "")) for one in suites)) for name in ("tests", "failures", "errors")
    }
    times = {"time": _time(sum(case.seconds for case in report.cases))}
    root = ElementTree.Element("testsuites", {"name": SUITE, **counts, **times})
    root.extend(suites)
    ElementTree.indent(root)
    return _DECLARATION + ElementTree.tostring(root, encoding="unicode") + "\n"


_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def _free(platform: str, suites: Sequence[ElementTree.Element]) -> str:
    """The name of the suite of a platform, which no other one has."""
    if not platform:
        return SUITE
    name = f"{SUITE} ({plain(platform)})"
    same = sum((one.get("name") or "").startswith(name) for one in suites)
    return f"{name} {same + 1}" if same else name


def _suite(
    name: str,
    cases: Sequence[ElementTree.Element],
    seconds: float,
    report: Report,
    properties: Sequence[ElementTree.Element],
) -> ElementTree.Element:
    counts = {
        "tests": str(len(cases)),
        "failures": _count(cases, "failure"),
        "errors": _count(cases, "error"),
        "skipped": _count(cases, "skipped"),
    }
    suite = ElementTree.Element(
        "testsuite", {"name": name, **counts, "time": _time(seconds), **_timestamp(report)}
    )
    suite.extend([*properties, *cases])
    return suite


def _unfinished(report: Report) -> ElementTree.Element:
    attributes = {"classname": SUITE, "name": "unfinished", "time": _time(0.0)}
    element = ElementTree.Element("testcase", attributes)
    message = {"message": unfinished_words(report.not_run), "type": "unfinished"}
    ElementTree.SubElement(element, "error", message).text = plain("\n".join(report.not_run))
    return element


def _test_case(case: CaseResult, failed: bool, platform: str) -> ElementTree.Element:
    folder = case.case.partition("@")[0].rpartition("/")[0] or SUITE
    name = f"{case.case} ({platform})" if platform else case.case
    attributes = {"classname": plain(folder), "name": plain(name), "time": _time(case.seconds)}
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


def _properties(environment: Environment | None, cases: Sequence[CaseResult]) -> list[ElementTree.Element]:
    """The element that says how the cases were run; none without a property, since it must not be empty."""
    found = list(_described(environment, cases))
    if not found:
        return []
    element = ElementTree.Element("properties")
    for name, value in found:
        ElementTree.SubElement(element, "property", {"name": plain(name), "value": plain(value)})
    return [element]


def _described(environment: Environment | None, cases: Sequence[CaseResult]) -> Iterator[tuple[str, str]]:
    """The relations that judged, and the fingerprint without the packages that cannot change a number."""
    relations = {case.relation for case in cases if case.relation}
    if relations:
        yield "relation", ", ".join(sorted(relations))
    if environment:
        for name, value in entries(environment).items():
            if not name.startswith("software.imported."):
                yield name, value


def _count(cases: Sequence[ElementTree.Element], tag: str) -> str:
    return str(sum(case.find(tag) is not None for case in cases))


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"
