from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness.core.results.next_step import failure_steps
from harness.core.results.reasons import ExactDiffers, said
from harness.core.results.verdict import CaseResult, InvariantResult, Report, Verdict
from harness.errors import UsageError
from harness.report.json_report import (
    changes_json,
    comparison_json,
    list_json,
    read_report,
    record_json,
    repeat_json,
    verify_json,
    write_text,
)
from harness.report.reason_words import reason_words, step_words
from tests.core.results.test_reasons import EXAMPLES
from tests.report.samples import DRIFTED, DRIFTED_TENSOR, FULL, IDENTICAL, LISTED, RECORD, REPEAT
from tests.report.screens import shown
from tests.report.views.test_verify import CASES, QUICK

METRICS = ["max_abs", "mean_abs", "rel_l2", "cosine_distance", "psnr", "max_ulp", "mismatched"]
VERDICTS = ["identical", "within", "drifted", "broken", "stale", "no-golden", "skipped", "error"]
STAGES = [
    "inputs", "noise", "text_encoding", "image_encoding", "denoiser", "guidance", "scheduler", "decoding",
    "post_processing",
]  # fmt: skip


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


TEXT, BOOLEAN, NUMBER, COUNT = (
    {"type": "string"},
    {"type": "boolean"},
    {"type": "number"},
    {"type": "integer"},
)
TEXT_OR_NULL, NUMBER_OR_NULL = {"type": ["string", "null"]}, {"type": ["number", "null"]}
VERDICT = {"enum": VERDICTS}

# A reason names its kind, whatever else it holds.
REASONS = _list(_object(kind=TEXT))
STEPS = _list(_object(why=TEXT, argv=_list(TEXT)))

# Written from the promise that docs make of --json, not from the code.
CONTRACT = _object(
    schema={"const": 1},
    environment={"type": ["object", "null"]},
    summary={"type": "object", "propertyNames": VERDICT, "additionalProperties": COUNT},
    cases=_list(
        _object(
            case=TEXT,
            verdict=VERDICT,
            platform=TEXT_OR_NULL,
            relation={"enum": ["same", "same-hardware", "cross-hardware", None]},
            golden=TEXT_OR_NULL,
            reason=TEXT,
            seconds=NUMBER,
            tensors=_list(
                _object(
                    name=TEXT,
                    verdict=VERDICT,
                    dtype=TEXT,
                    shape=_list(COUNT),
                    metrics=_object(**dict.fromkeys(METRICS, NUMBER_OR_NULL)),
                    limits={"type": "object", "additionalProperties": NUMBER},
                    reasons=REASONS,
                )
            ),
            exact_findings=_list(_object(what=TEXT, golden=TEXT_OR_NULL, now=TEXT_OR_NULL, fails=BOOLEAN)),
            boundaries=_list(
                _object(event=TEXT, index=COUNT, rel_l2=NUMBER_OR_NULL, limit=NUMBER, verdict=VERDICT)
            ),
            environment_changes={"type": "array"},
            first_divergence={
                "anyOf": [
                    {"type": "null"},
                    _object(
                        stage={"enum": STAGES},
                        component=TEXT,
                        event=TEXT,
                        index=COUNT,
                        module=TEXT_OR_NULL,
                        rel_l2=NUMBER_OR_NULL,
                        sentence=TEXT,
                    ),
                ]
            },
            reasons=REASONS,
            next_steps=STEPS,
        )
    ),
)


def _strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON number")

    return json.loads(text, parse_constant=refuse)


def test_the_report_keeps_the_contract() -> None:
    document = _strict(verify_json(FULL))
    Draft202012Validator(CONTRACT).validate(document)
    assert list(document) == [
        *("schema", "environment", "summary", "cases"),
        *("finished", "not_run", "command", "started", "options", "environments"),
    ]
    keys = list(CONTRACT["properties"]["cases"]["items"]["properties"])[:-2]
    assert all(list(case)[: len(keys)] == keys for case in document["cases"])
    tensor_keys = ["name", "verdict", "dtype", "shape", "metrics", "limits"]
    assert list(document["cases"][2]["tensors"][0])[:6] == tensor_keys
    assert document["summary"] == dict.fromkeys(VERDICTS, 1)


def test_values_are_those_of_the_report() -> None:
    case = _strict(verify_json(FULL))["cases"][2]
    assert case["tensors"][0]["metrics"]["rel_l2"] == 3.14e-4
    assert case["tensors"][0]["shape"] == [1, 16, 16, 3]
    assert case["first_divergence"]["stage"] == "scheduler"
    assert case["environment_changes"][0] == {
        "what": "software.os",
        "golden": "Linux 6.1.0",
        "now": "Linux 6.8.0",
    }
    assert _strict(verify_json(FULL))["environment"]["software"]["packages"]["torch"] == "2.13.0+cpu"


def test_reasons_and_next_steps_are_given_in_words_and_as_data() -> None:
    case = replace(DRIFTED, reasons=EXAMPLES, next_steps=failure_steps("sd/a b"))
    report = Report(None, (case,))
    document = _strict(verify_json(report))
    Draft202012Validator(CONTRACT).validate(document)
    (told,) = document["cases"]
    assert told["reason"] == reason_words(EXAMPLES)
    assert [one["kind"] for one in told["reasons"]] == [one.kind for one in EXAMPLES]
    assert told["next_step"] == (
        "if the change is not intended, find where it began and fix that: harness explain 'sd/a b'; "
        "if the change is intended: harness accept 'sd/a b' --reason ..."
    )
    assert told["next_steps"][1] == {
        "why": "if the change is intended",
        "argv": ["harness", "accept", "sd/a b", "--reason", "..."],
    }
    (again,) = read_report(verify_json(report)).cases
    assert (again.reasons, again.next_steps) == (case.reasons, case.next_steps)


def test_a_report_of_an_older_harness_has_only_words() -> None:
    case = replace(
        DRIFTED,
        reasons=(*said("one; two"), ExactDiffers("unet.calls", "1", "2")),
        next_steps=failure_steps("a"),
        invariants=(InvariantResult("batch", Verdict.SKIPPED, said("no GPU")),),
    )
    document = _strict(verify_json(Report(None, (case,))))
    old = _without_data(document)
    assert old != document
    (again,) = read_report(json.dumps(old)).cases
    assert again.reasons == said("one; two; unet.calls: 1 in the golden, now 2")
    assert step_words(again.next_steps) == step_words(case.next_steps)
    assert again.tensors[0].reasons == DRIFTED_TENSOR.reasons
    assert again.invariants[0].reasons == said("no GPU")
    written = _strict(verify_json(Report(None, (again,))))
    assert _without_data(written) == old


def _without_data(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_data(one) for key, one in value.items() if key not in ("reasons", "next_steps")}
    return [_without_data(one) for one in value] if isinstance(value, list) else value


def test_numbers_that_are_not_finite_become_null_or_are_left_out() -> None:
    inf, nan = float("inf"), float("nan")
    tensor = replace(
        DRIFTED_TENSOR, metrics={"max_abs": inf, "psnr": -inf, "rel_l2": nan}, needed={"max_abs": inf}
    )
    report = Report(None, (replace(DRIFTED, tensors=(tensor,)),))
    document = _strict(verify_json(report))
    Draft202012Validator(CONTRACT).validate(document)
    written = document["cases"][0]["tensors"][0]
    assert written["metrics"] == dict.fromkeys(METRICS)
    assert written["needed"] == {}
    read_report(verify_json(report))


@settings(max_examples=40, deadline=None, phases=QUICK)
@given(st.lists(CASES, max_size=3))
def test_any_report_keeps_the_contract_and_reads_back_the_same(cases: list[CaseResult]) -> None:
    report = Report(FULL.environment, tuple(cases))
    text = verify_json(report)
    Draft202012Validator(CONTRACT).validate(_strict(text))
    again = read_report(text)
    assert shown(lambda screen: screen.show_verify(again)) == shown(lambda screen: screen.show_verify(report))
    assert verify_json(again) == text


def test_a_full_report_reads_back_equal_but_for_unmeasured_metrics() -> None:
    started = datetime(2026, 3, 1, 23, 59, 58, tzinfo=UTC)
    again = read_report(verify_json(replace(FULL, started=started)))
    assert again.started == started
    assert again.environment == FULL.environment
    assert again.cases == FULL.cases


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file"),
        ("[]", "the file"),
        ('{"schema": 2}', "has schema 2, but this harness reads 1"),
        ('{"schema": 1, "environment": null, "summary": {}}', "cases"),
        (verify_json(Report(None, (IDENTICAL,))).replace('"identical"', '"perfect"'), "verdict"),
    ],
)
def test_what_is_no_report_is_refused_with_a_next_step(text: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        read_report(text, "out/report.json")
    assert str(error.value).startswith("out/report.json: ")
    assert told in str(error.value)
    assert str(error.value).endswith("run `harness verify` again")


def test_record_json() -> None:
    document = _strict(record_json(RECORD))
    assert document["schema"] == 1
    assert document["summary"] == {
        "recorded": 1,
        "updated": 1,
        "unchanged": 1,
        "kept": 2,
        "nondeterministic": 1,
    }
    assert document["cases"][1]["definition_changes"] == [{"what": "steps", "golden": "50", "now": "20"}]
    assert list(document["cases"][5]["tensors"][0]["metrics"]) == METRICS


def test_repeat_json() -> None:
    document = _strict(repeat_json(REPEAT))
    assert document["summary"] == {"deterministic": 1, "not deterministic": 1, "skipped": 1, "error": 1}
    assert [case["deterministic"] for case in document["cases"]] == [True, False, None, None]
    assert document["cases"][1]["distances"][0]["max_abs"] == 0.731


def test_list_comparison_and_changes_json() -> None:
    listed = _strict(list_json(LISTED))
    assert listed["cases"][0]["tolerance"]["same"] == "exact"
    assert listed["cases"][3]["goldens"] == [
        {"platform": "cuda-sm90", "stale": False, "readable": True, "calibrated": "", "unusable": ""}
    ]
    compared = _strict(comparison_json([DRIFTED_TENSOR]))
    assert compared["tensors"][0]["verdict"] == "drifted"
    assert _strict(changes_json(DRIFTED.environment_changes))["changes"][0]["what"] == "software.os"


def test_write_text_makes_folders_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "out" / "deep" / "report.json"
    write_text(path, "one\n")
    write_text(path, "zwei é \udcff\n")
    assert path.read_bytes() == "zwei é \\udcff\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_write_text_that_fails_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("here")
    for path in (tmp_path / "folder", tmp_path / "file" / "report.json"):
        with pytest.raises(UsageError) as error:
            write_text(path, "text")
        assert str(error.value).startswith(f"{path}: cannot be written (")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


def test_an_unfinished_report_reads_back_and_an_older_one_counts_as_finished() -> None:
    report = Report(None, (), finished=False, not_run=("a", "b"), command="explain")
    assert read_report(verify_json(report)) == report
    old = '{"schema": 1, "environment": null, "summary": {}, "cases": []}'
    assert read_report(old) == Report(None, (), finished=True, not_run=(), command="verify")
