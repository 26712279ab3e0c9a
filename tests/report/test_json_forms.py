"""The forms of results in JSON: words beside data, finite numbers alone, and back again."""

from __future__ import annotations

import math
from dataclasses import replace

from harness.core.results.next_step import NextStep, harness_step
from harness.core.results.reasons import InvariantFails, said
from harness.core.results.recording import RecordResult, RecordState
from harness.core.results.verdict import CaseResult, InvariantResult, TensorResult, Verdict
from harness.core.tolerance import METRICS
from harness.report.json_forms import case_form, case_of, record_form, tensor_forms

TENSOR = TensorResult(
    "images",
    Verdict.DRIFTED,
    "float32",
    (2, 3),
    {"max_abs": 0.5, "rel_l2": math.inf, "later": 3.0},
    {"max_abs": 0.25, "rel_l2": math.inf},
    {"max_abs": 0.5, "rel_l2": math.inf},
    said("too far"),
)
CASE = CaseResult(
    "a",
    Verdict.DRIFTED,
    "cpu-x86_64",
    None,
    "goldens/a",
    (*said("too far"), InvariantFails("batch", said("torn"))),
    1.5,
    (TENSOR,),
    next_steps=(harness_step("to see why", "explain", "a b"), NextStep("or ask")),
    warnings=("odd",),
    invariants=(InvariantResult("batch", Verdict.BROKEN, said("torn"), (TENSOR,), ("last line",)),),
)


def test_a_tensor_names_every_metric_and_holds_finite_numbers_alone() -> None:
    (form,) = tensor_forms([TENSOR])
    assert list(form.metrics) == [*METRICS, "later"]
    assert {name: value for name, value in form.metrics.items() if value is not None} == {
        "max_abs": 0.5,
        "later": 3.0,
    }
    assert (form.limits, form.needed) == ({"max_abs": 0.25}, {"max_abs": 0.5})
    assert (form.reason, form.reasons) == ("too far", TENSOR.reasons)


def test_a_case_has_the_words_beside_the_data() -> None:
    form = case_form(CASE)
    assert form.reason == "too far; invariants: batch: torn"
    assert form.reasons == CASE.reasons
    assert "harness explain 'a b'" in form.next_step
    assert "or ask" in form.next_step
    assert form.next_steps == CASE.next_steps
    assert form.warnings == ("odd",)
    (invariant,) = form.invariants
    assert (invariant.reason, invariant.log) == ("torn", ("last line",))
    assert invariant.tensors == tensor_forms([TENSOR])


def test_a_form_gives_its_case_back() -> None:
    finite = replace(TENSOR, metrics=dict.fromkeys(METRICS, 0.5), limits={"max_abs": 0.25}, needed={})
    case = replace(CASE, tensors=(finite,), invariants=(replace(CASE.invariants[0], tensors=(finite,)),))
    assert case_of(case_form(case)) == case


def test_of_an_older_harness_the_words_are_the_reasons() -> None:
    form = replace(case_form(CASE), reasons=(), next_steps=())
    old_tensor = replace(form.tensors[0], reasons=())
    form = replace(form, tensors=(old_tensor,), invariants=(replace(form.invariants[0], reasons=()),))
    case = case_of(form)
    assert case.reasons == said(form.reason)
    assert case.next_steps == (NextStep(form.next_step),)
    assert case.tensors[0].reasons == said("too far")
    assert case.invariants[0].reasons == said("torn")


def test_a_recording_has_its_words_too() -> None:
    result = RecordResult(
        "a", RecordState.NONDETERMINISTIC, "cpu-x86_64", None, said("two runs differ"), 2.0, (TENSOR,)
    )
    form = record_form(result)
    assert (form.case, form.state, form.reason) == ("a", "nondeterministic", "two runs differ")
    assert form.tensors == tensor_forms([TENSOR])
