"""Tests for the cause of a failure: one fingerprint for one reason, whatever the values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.environment import Change
from harness.core.results.cause import Cause, cause_of
from harness.core.results.reasons import (
    DefinitionChanged,
    ExactDiffers,
    InvariantFails,
    LimitsExceeded,
    Message,
    NotBitwise,
    PipelineRaised,
    Reasons,
    UnreadableFile,
    reading,
)
from harness.core.results.verdict import CaseResult, Divergence, ExactFinding, TensorResult, Verdict

_EXCEEDED = LimitsExceeded("images", (reading("rel_l2", 3e-3, 1e-5),))


def _result(*reasons: object, verdict: Verdict = Verdict.DRIFTED, **others: object) -> CaseResult:
    given: Reasons = reasons  # type: ignore[assignment]
    found = CaseResult("a", verdict, "cpu-x86_64", None, None, given, 1.0)
    return replace(found, **others)  # type: ignore[arg-type]


def _tensor(name: str, rel_l2: float | None, verdict: Verdict = Verdict.DRIFTED) -> TensorResult:
    return TensorResult(name, verdict, "float32", (1,), {"rel_l2": rel_l2}, {}, {})


def _began(event: str = "text_encoder.forward", stage: str = "text_encoding", index: int = 0) -> Divergence:
    return Divergence(stage, event.partition(".")[0], event, index, None, 0.5, "words")


def _cause(result: CaseResult) -> Cause:
    found = cause_of(result)
    assert found is not None
    return found


def test_a_case_that_passes_has_no_cause() -> None:
    assert cause_of(_result(verdict=Verdict.IDENTICAL)) is None
    assert cause_of(_result(verdict=Verdict.WITHIN)) is None


def test_a_failure_is_told_by_stage_event_finding_and_names() -> None:
    findings = (
        ExactFinding("unet.forward.timestep at call 3", "1", "2", fails=True, name="unet.forward.timestep"),
        ExactFinding("tokenizer.call.input_ids and 1 more", "1", "2", fails=True, name="tokenizer.call.ids"),
        ExactFinding("unet.class", "A", "B", fails=False, name="unet.class"),
    )
    result = _result(
        _EXCEEDED,
        ExactDiffers("tokenizer.call.input_ids and 1 more", "1", "2"),
        tensors=(_tensor("images", 3e-3), _tensor("mask", 0.0, Verdict.IDENTICAL)),
        exact_findings=findings,
        first_divergence=_began("tokenizer.call"),
    )
    assert _cause(result) == Cause(
        "exact",
        "text_encoding",
        "tokenizer.call",
        ("tokenizer.call.ids", "unet.forward.timestep"),
        outputs=("images",),
        decade=-3,
    )


def test_values_do_not_count() -> None:
    one = _result(_EXCEEDED, tensors=(_tensor("images", 3.1e-3),), first_divergence=_began(index=0))
    two = _result(
        LimitsExceeded("images", (reading("max_abs", 7.0, 1.0),)),
        tensors=(_tensor("images", 8.9e-3),),
        first_divergence=_began(index=4),
    )
    assert _cause(one).fingerprint() == _cause(two).fingerprint()


def test_a_larger_failure_is_another_one_of_the_same_group() -> None:
    small = _cause(_result(_EXCEEDED, tensors=(_tensor("images", 9e-4),), first_divergence=_began()))
    large = _cause(_result(_EXCEEDED, tensors=(_tensor("images", 2e-1),), first_divergence=_began()))
    assert (small.decade, large.decade) == (-4, -1)
    assert small.fingerprint() != large.fingerprint()
    assert small.group() == large.group()


def test_exact_and_calibrated_cases_share_the_group() -> None:
    exact = _cause(_result(NotBitwise("latents", ()), first_divergence=_began()))
    calibrated = _cause(_result(_EXCEEDED, first_divergence=_began()))
    assert exact.group() == calibrated.group()


@pytest.mark.parametrize(
    "other",
    [
        _result(_EXCEEDED, first_divergence=_began("unet.forward", "denoiser")),
        _result(_EXCEEDED, first_divergence=_began(stage="image_encoding")),
        _result(InvariantFails("batch", (_EXCEEDED,)), first_divergence=_began()),
        _result(_EXCEEDED),
    ],
)
def test_another_place_or_finding_is_another_group(other: CaseResult) -> None:
    assert _cause(other).group() != _cause(_result(_EXCEEDED, first_divergence=_began())).group()


def test_pipelines_that_raise_for_one_reason_share_a_cause_whatever_their_sizes() -> None:
    one = _result(PipelineRaised("ValueError: 77 tokens, expected 333"), verdict=Verdict.BROKEN)
    two = _result(PipelineRaised("ValueError: 16 tokens, expected 64"), verdict=Verdict.BROKEN)
    other = _result(PipelineRaised("TypeError: 77 tokens, expected 333"), verdict=Verdict.BROKEN)
    assert _cause(one).fingerprint() == _cause(two).fingerprint()
    assert _cause(one).group() != _cause(other).group()


def test_a_changed_definition_is_told_by_its_keys() -> None:
    change = DefinitionChanged("a", (Change("steps", "5", "6"), Change("seed", "0", "1")))
    assert _cause(_result(change, verdict=Verdict.STALE)).names == ("steps", "seed")


def test_an_error_is_told_by_the_first_line_of_its_words() -> None:
    found = _cause(_result(Message("worker 12 died\nmore"), verdict=Verdict.ERROR))
    assert (found.finding, found.names) == ("message", ("worker # died",))


def test_a_failure_without_reasons_is_told_by_its_verdict() -> None:
    assert _cause(_result(verdict=Verdict.SKIPPED)).finding == "skipped"


def test_an_undefined_or_infinite_size_has_no_decade() -> None:
    none = _result(_EXCEEDED, tensors=(_tensor("images", None),))
    infinite = _result(_EXCEEDED, tensors=(_tensor("images", float("inf")),))
    assert _cause(none).decade is None
    assert _cause(infinite).decade is None


def test_the_largest_known_size_of_the_outputs_gives_the_decade() -> None:
    tensors = (
        _tensor("images", None),
        _tensor("latents", 2e-5),
        _tensor("mask", 0.0),
        _tensor("audio", 3e-2),
    )
    assert _cause(_result(_EXCEEDED, tensors=tensors)).decade == -2


def test_outputs_count_whatever_their_order() -> None:
    one, two = _tensor("images", 1e-3), _tensor("audio", 1e-3)
    first, second = (_cause(_result(_EXCEEDED, tensors=both)) for both in ((one, two), (two, one)))
    assert first.outputs == ("audio", "images")
    assert first.fingerprint() == second.fingerprint()


def test_the_module_makes_it_another_failure_of_the_same_group() -> None:
    plain = _cause(_result(_EXCEEDED, first_divergence=_began()))
    inside = _cause(
        _result(_EXCEEDED, first_divergence=replace(_began(), module="text_model.final_layer_norm"))
    )
    assert (plain.module, inside.module) == ("", "text_model.final_layer_norm")
    assert plain.fingerprint() != inside.fingerprint()
    assert plain.group() == inside.group()


def test_an_exact_finding_without_a_name_is_told_by_its_words() -> None:
    finding = ExactFinding("pipeline class", "A", "B", fails=True)
    result = _result(ExactDiffers("pipeline class", "A", "B"), exact_findings=(finding,))
    assert _cause(result).names == ("pipeline class",)


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("goldens/a/cpu.safetensors: is empty, at byte 12", "is empty, at byte #"),
        ("is 3 bytes", "is # bytes"),
    ],
)
def test_an_unreadable_file_is_told_without_its_path(what: str, name: str) -> None:
    found = _cause(_result(UnreadableFile(what), verdict=Verdict.ERROR))
    assert (found.finding, found.names) == ("unreadable", (name,))
