"""The schemas of the reports say what reports hold, in the words of the types that write them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from jsonschema import Draft202012Validator

from harness.core.results.candidate import Tried
from harness.core.results.verdict import FileDigest, RanIn, Report
from harness.core.tolerance import METRICS
from harness.report.formats.json_schema import candidates_schema, report_schema
from harness.report.json_report import candidates_json, verify_json
from tests.report.samples import DRIFTED, ENVIRONMENT, FULL
from tests.support.schemas import problems

WHOLE = replace(
    DRIFTED,
    capture=FileDigest("out/a", "0" * 64),
    golden_sha256="1" * 64,
    source="configs/a.yaml",
    line=3,
)
CANDIDATE = replace(FULL, candidate=Tried(("diffusers==0.43.0",)))

REPORTS = {
    "full": FULL,
    "no environment": Report(None, ()),
    "everything": replace(FULL, cases=(WHOLE,), started=datetime(2026, 3, 1, tzinfo=UTC)),
    "unfinished": replace(FULL, finished=False, not_run=("a",)),
    "merged": replace(FULL, environment=None, environments=(RanIn(ENVIRONMENT, (0, 1)),)),
    "under other versions": CANDIDATE,
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_what_its_schema_says(name: str) -> None:
    assert problems(json.loads(verify_json(REPORTS[name]))) == []


def test_the_reports_of_candidates_are_what_their_schema_says() -> None:
    for text in (candidates_json([CANDIDATE, CANDIDATE]), verify_json(CANDIDATE)):
        assert problems(json.loads(text), "candidates.json") == []


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("schema",), 2),
        (("summary", "fine"), 1),
        (("cases", 0, "verdict"), "fine"),
        (("cases", 0, "seconds"), None),
        (("cases", 0, "shorter"), "x"),
        (("cases", 0, "tensors", 0, "metrics", "rel_l2"), "small"),
        (("cases", 0, "reasons", 0, "kind"), "no-such-kind"),
        (("cases", 0, "line"), "three"),
        (("environment", "platform"), None),
    ],
)
def test_what_is_none_is_noticed(where: tuple[str | int, ...], value: object) -> None:
    document = json.loads(verify_json(REPORTS["everything"]))
    inner = document
    for part in where[:-1]:
        inner = inner[part]
    inner[where[-1]] = value
    assert problems(document)


def test_a_report_of_the_first_version_is_one_too() -> None:
    assert problems({"schema": 1, "environment": None, "summary": {}, "cases": []}) == []


@pytest.mark.parametrize("text", [report_schema(), candidates_schema()])
def test_it_is_a_schema_of_draft_2020_12_in_our_words(text: str) -> None:
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert not [
        name for name in schema["$defs"] if name.startswith("_") or name.endswith(("Form", "Document"))
    ]
    case = schema["$defs"]["Case"]
    assert case["description"] == "A case as `verify` judged it."
    assert case["properties"]["reasons"]["items"] == {"$ref": "#/$defs/Reason"}
    assert [*schema["$defs"]["Tensor"]["properties"]["metrics"]["properties"]] == [*METRICS]
    described = [name for name, node in schema["$defs"].items() if "description" not in node]
    assert described == []


def test_later_versions_may_add_keys() -> None:
    document = {**json.loads(verify_json(FULL)), "later": 1}
    assert not list(Draft202012Validator(json.loads(report_schema())).iter_errors(document))
    assert problems(document)
