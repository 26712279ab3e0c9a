"""The JUnit file holds what Jenkins accepts, whose xUnit plugin rejects a whole file for one attribute too many.

The schemas of its two plugins are in tests/report/formats/xsd; what the common readers of GitLab and GitHub look for
is asserted by itself, since those have no schema.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from harness.core.results.reasons import said
from harness.core.results.verdict import RanIn, Report
from harness.report.formats.junit import junit_xml
from harness.report.json_report import read_report, verify_json
from tests.report.samples import DRIFTED, ENVIRONMENT, ERROR, FULL, IDENTICAL, SKIPPED

XSD = Path(__file__).parents[1] / "report/formats/xsd"
PLUGINS = {"xUnit plugin": "junit-10.xsd", "junit plugin": "junit-4.xsd"}


@pytest.fixture(scope="module", params=PLUGINS.values(), ids=PLUGINS)
def schema(request: pytest.FixtureRequest) -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(XSD / request.param)


def document(report: Report, *, allow_missing: bool = False, strict: bool = False) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml(report, allow_missing=allow_missing, strict=strict))


STARTED = datetime(2026, 3, 1, 12, 30, 5, 999_999, tzinfo=UTC)
LONG = replace(IDENTICAL, seconds=123_456.789, portability="portable", warnings=("a", "b"))


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("started", [None, STARTED])
@pytest.mark.parametrize("cases", [(), (SKIPPED,), (LONG,), FULL.cases])
@pytest.mark.parametrize("options", [{}, {"allow_missing": True}, {"strict": True}])
def test_every_document_is_valid(schema, cases, started, options, finished) -> None:  # type: ignore[no-untyped-def]
    report = replace(FULL, cases=cases, started=started, finished=finished, not_run=("sd/b",))
    schema.validate(junit_xml(report, **{"allow_missing": False, "strict": False, **options}))


def test_a_merged_report_is_valid(schema: xmlschema.XMLSchema) -> None:
    gpu = replace(ENVIRONMENT, platform="cuda-sm90")
    environments = (RanIn(ENVIRONMENT, (0, 1)), RanIn(gpu, (2,)))
    report = replace(FULL, environment=None, environments=environments)
    schema.validate(junit_xml(report, allow_missing=False, strict=False))


def test_text_of_others_is_valid(schema: xmlschema.XMLSchema) -> None:
    nasty = "]]> <skipped/> & \x00\x1b[31m \ud800 \ufffe"
    cases = [replace(one, case=f"a\x01b/{nasty}", reasons=said(nasty)) for one in (DRIFTED, ERROR, SKIPPED)]
    schema.validate(junit_xml(Report(None, (*cases,)), allow_missing=False, strict=False))


def test_the_schemas_notice_what_they_forbid(schema: xmlschema.XMLSchema) -> None:
    root = document(FULL)
    root[0].set("skips", "1")
    assert not schema.is_valid(root)


def test_a_skipped_case_has_its_reason_where_the_junit_plugin_allows_it() -> None:
    skipped = document(FULL).find(".//skipped")
    assert skipped is not None
    assert not skipped.attrib
    assert skipped.text


def test_what_gitlab_and_the_readers_of_github_show_is_there() -> None:
    """GitLab and the readers show name, class and time of each case, and of a failure its message and its text."""
    suite = document(FULL)[0]
    for case in suite.iter("testcase"):
        assert case.get("name")
        assert case.get("classname")
        assert float(case.get("time", "")) >= 0
    for failure in [*suite.iter("failure"), *suite.iter("error")]:
        assert failure.get("message")
        assert failure.get("type")
        assert failure.text


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
