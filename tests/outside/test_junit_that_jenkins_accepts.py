"""The JUnit file holds what Jenkins' xUnit plugin accepts, which turns a whole file down for one attribute too many.

ACCEPTED states what its schema allows (https://github.com/jenkinsci/xunit-plugin, junit-10.xsd).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from harness.core.results.verdict import Report
from harness.report.json_report import read_report, verify_json
from harness.report.junit import junit_xml
from tests.report.samples import FULL, SKIPPED


@dataclass(frozen=True)
class Form:
    """What an element may hold; `required` attributes are among the `attributes`."""

    attributes: frozenset[str]
    required: frozenset[str] = frozenset()
    children: frozenset[str] = frozenset()


def form(attributes: str, required: str = "", children: str = "") -> Form:
    return Form(frozenset(attributes.split()), frozenset(required.split()), frozenset(children.split()))


ACCEPTED = {
    "testsuites": form("name time tests failures errors", children="testsuite"),
    "testsuite": form(
        "name tests failures errors group time skipped timestamp hostname id package file log url",
        "name tests failures errors",
        "testsuite properties testcase system-out system-err",
    ),
    "testcase": form("name time classname group", "name", "skipped error failure system-out system-err"),
    "properties": form("", children="property"),
    "property": form("name value", "name value"),
    **dict.fromkeys(("failure", "error", "skipped"), form("type message")),
    **dict.fromkeys(("system-out", "system-err"), form("")),
}
TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def check(element: ElementTree.Element) -> None:
    accepted = ACCEPTED[element.tag]
    names = element.attrib.keys()
    assert accepted.required <= names <= accepted.attributes, (element.tag, names)
    if "time" in names:
        assert TIME.fullmatch(element.attrib["time"])
    for child in element:
        assert child.tag in accepted.children, (element.tag, child.tag)
        check(child)


def document(report: Report, *, allow_missing: bool = False, strict: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml(report, allow_missing=allow_missing, strict=strict))


STARTED = datetime(2026, 3, 1, 12, 30, 5, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("started", [None, STARTED])
@pytest.mark.parametrize("cases", [(), (SKIPPED,), FULL.cases])
@pytest.mark.parametrize("options", [{}, {"allow_missing": True}, {"strict": True}])
def test_every_element_and_attribute_is_accepted(cases, started, options) -> None:  # type: ignore[no-untyped-def]
    check(document(replace(FULL, cases=cases, started=started), **options))


def test_skipped_cases_are_counted_where_the_schema_has_a_place_for_them() -> None:
    root = document(FULL)
    assert "skipped" not in root.attrib
    assert root[0].get("skipped") == "1"


def test_the_time_is_in_utc_without_a_zone_and_survives_the_report() -> None:
    report = read_report(verify_json(replace(FULL, started=STARTED)))
    assert document(report)[0].get("timestamp") == "2026-03-01T12:30:05"


def test_properties_come_first_and_tell_the_environment() -> None:
    suite = document(FULL)[0]
    assert [child.tag for child in suite][:2] == ["properties", "testcase"]
    told = {one.get("name"): one.get("value") for one in suite[0]}
    assert {
        "platform",
        "relation",
        "hardware.device",
        "software.python",
        "software.packages.torch",
    } <= told.keys()


def test_a_report_of_an_earlier_version_has_no_time() -> None:
    report = read_report('{"schema": 1, "environment": null, "summary": {}, "cases": []}')
    assert report.started is None
    assert "timestamp" not in document(report)[0].attrib
