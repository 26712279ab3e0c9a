from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from jsonschema import Draft202012Validator

from harness.core.results.explanation import Explanation
from harness.core.results.reasons import said
from harness.core.results.verdict import CaseResult, InvariantResult, Report, Verdict
from harness.report.explain_json import explain_json
from harness.report.json_report import verify_json
from tests.report.samples import BROKEN, DRIFTED, DRIFTED_TENSOR, ENVIRONMENT, IDENTICAL, NO_GOLDEN
from tests.report.test_json_report import CONTRACT
from tests.report.views.test_explain import FULL, NEAR, STAGES, SUSPECTS

STARTED = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)


def written(*explanations: Explanation) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON number")

    results = tuple(one.result for one in explanations)
    report = Report(ENVIRONMENT, results, command="explain", started=STARTED)
    text = explain_json(report, explanations)
    assert text.endswith("}\n")
    return json.loads(text, parse_constant=refuse)


def bare(result: CaseResult) -> Explanation:
    return Explanation(result, result.first_divergence)


def test_it_keeps_the_contract_of_verify_and_says_whose_it_is() -> None:
    document = written(bare(IDENTICAL), FULL, bare(BROKEN), bare(NO_GOLDEN))
    Draft202012Validator(CONTRACT).validate(document)
    assert list(document) == ["schema", "environment", "summary", "cases", "command", "started"]
    assert document["schema"] == 1
    assert document["summary"] == {"identical": 1, "drifted": 1, "broken": 1, "no-golden": 1}
    assert document["command"] == "explain"
    assert datetime.fromisoformat(document["started"]) == STARTED
    assert document["environment"]["platform"] == "cpu-x86_64"
    told = [case["case"] for case in document["cases"]]
    assert told == [IDENTICAL.case, "sd/a", BROKEN.case, NO_GOLDEN.case]


def test_a_case_is_as_verify_writes_it_with_what_explains_it_behind() -> None:
    (case,) = written(FULL)["cases"]
    (verified,) = json.loads(verify_json(Report(None, (FULL.result,))))["cases"]
    assert list(case) == [*verified, "stages", "suspects", "notes"]
    assert {key: case[key] for key in verified} == verified
    assert [one["event"] for one in case["boundaries"]] == [one.event for one in NEAR]


def test_stages_suspects_and_notes_are_those_of_the_explanation() -> None:
    (case,) = written(FULL)["cases"]
    assert [row["event"] for row in case["stages"]] == [
        "pipeline.__call__",
        "noise.randn_tensor",
        "unet.forward",
        "scheduler.step",
        "pipeline.output",
    ]
    assert case["stages"][2] == {
        "event": "unet.forward",
        "component": "unet",
        "stage": "denoiser",
        "calls": 5,
        "calls_now": 5,
        "differing": 4,
        "first": 6e-4,
        "worst": None,
        "last": 6e-4,
        "given": 4e-3,
        "curve": [0.0, 0.0, 0.0, 0.0, 6e-4],
    }
    change = {"what": "software.packages.diffusers", "golden": "0.41.0", "now": "0.42.1"}
    assert case["suspects"][0] == {"change": change, "likelihood": "likely"}
    assert [one["likelihood"] for one in case["suspects"]] == ["likely", "possible", *["unlikely"] * 6]
    assert len(case["suspects"]) == len(SUSPECTS)
    assert case["notes"] == ["the run's noise is not the golden's"]


def test_without_traces_the_lists_are_there_and_empty() -> None:
    (case,) = written(bare(BROKEN))["cases"]
    assert (case["stages"], case["suspects"], case["notes"]) == ([], [], [])
    assert case["first_divergence"] is None


def test_numbers_that_are_not_finite_become_null_or_are_left_out() -> None:
    inf, nan = float("inf"), float("nan")
    tensor = replace(DRIFTED_TENSOR, metrics={"max_abs": inf, "rel_l2": nan}, needed={"max_abs": inf})
    invariant = InvariantResult("half", Verdict.DRIFTED, said("too far"), tensors=(tensor,))
    result = replace(DRIFTED, tensors=(tensor,), invariants=(invariant,))
    row = replace(STAGES[2], first=None, curve=(0.0, None))
    document = written(replace(FULL, result=result, stages=(row,)))
    Draft202012Validator(CONTRACT).validate(document)
    (case,) = document["cases"]
    for tensors in (case["tensors"], case["invariants"][0]["tensors"]):
        assert tensors[0]["metrics"]["max_abs"] is None
        assert tensors[0]["metrics"]["psnr"] is None
        assert tensors[0]["needed"] == {}
    assert case["stages"][0]["curve"] == [0.0, None]
