"""The JSON forms of results: their data, with words added to reasons and next steps.

`reason`, `next_step` and `warnings` are for people. `reasons` says the same as data, each with its `kind` (the
types of `core.results.reasons`), `next_steps` as a list of `{"why", "argv"}`, where `argv` is the command word by word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from harness.core.environment import Change
from harness.core.history import Rejection
from harness.core.measured.calibration import CalibrationResult
from harness.core.measured.sensitivity import SensitivityResult
from harness.core.results.next_step import NextSteps, advice
from harness.core.results.reasons import Reasons, said
from harness.core.results.recording import RecordResult, RepeatResult
from harness.core.results.verdict import (
    Boundary,
    CaseResult,
    Divergence,
    ExactFinding,
    FileDigest,
    InvariantResult,
    RunRecord,
    TensorResult,
    Verdict,
)
from harness.core.tolerance import METRICS, Relation
from harness.report.reason_words import invariant_words, reason_words, step_words, warning_words

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class TensorForm:
    """A tensor with every metric, each a finite number or None. Reports of older harnesses have no `reasons`."""

    name: str
    verdict: Verdict
    dtype: str
    shape: tuple[int, ...]
    metrics: Mapping[str, float | None]
    limits: Mapping[str, float]
    needed: Mapping[str, float]
    reason: str = ""
    reasons: Reasons = ()


@dataclass(frozen=True, slots=True)
class InvariantForm:
    """An invariant of a case."""

    invariant: str
    verdict: Verdict
    reason: str = ""
    tensors: tuple[TensorForm, ...] = ()
    log: tuple[str, ...] = ()
    reasons: Reasons = ()


@dataclass(frozen=True, slots=True)
class CaseForm:
    """A case as `verify` judged it."""

    case: str
    verdict: Verdict
    platform: str | None
    relation: Relation | None
    golden: str | None
    reason: str
    seconds: float
    tensors: tuple[TensorForm, ...] = ()
    exact_findings: tuple[ExactFinding, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    environment_changes: tuple[Change, ...] = ()
    first_divergence: Divergence | None = None
    next_step: str = ""
    log: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    invariants: tuple[InvariantForm, ...] = ()
    capture: FileDigest | None = None
    golden_sha256: str | None = None
    portability: str = ""
    rejected: Rejection | None = None
    pipeline: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""
    line: int = 1
    entry: int = 0
    record: RunRecord | None = None
    reasons: Reasons = ()
    next_steps: NextSteps = ()


@dataclass(frozen=True, slots=True)
class RecordForm:
    """The outcome of recording or accepting a case."""

    case: str
    state: str
    platform: str | None
    golden: str | None
    reason: str
    seconds: float
    tensors: tuple[TensorForm, ...]
    definition_changes: tuple[Change, ...]
    environment_changes: tuple[Change, ...]
    next_step: str
    log: tuple[str, ...]
    warnings: tuple[str, ...]
    reasons: Reasons
    next_steps: NextSteps


@dataclass(frozen=True, slots=True)
class RepeatForm(RepeatResult):
    """The runs of a case."""

    reason: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class CalibrationForm(CalibrationResult):
    """The outcome of calibrating a case."""

    reason: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class SensitivityForm(SensitivityResult):
    """The faults that were planted in a case."""

    reason: str = ""
    next_step: str = ""


def tensor_forms(tensors: Sequence[TensorResult]) -> tuple[TensorForm, ...]:
    """The tensors with every metric, and without the limits that JSON cannot express."""
    return tuple(
        TensorForm(
            name=tensor.name,
            verdict=tensor.verdict,
            dtype=tensor.dtype,
            shape=tensor.shape,
            metrics={name: _number(tensor.metrics.get(name)) for name in (*METRICS, *tensor.metrics)},
            limits={name: value for name, value in tensor.limits.items() if math.isfinite(value)},
            needed={name: value for name, value in tensor.needed.items() if math.isfinite(value)},
            reason=reason_words(tensor.reasons),
            reasons=tensor.reasons,
        )
        for tensor in tensors
    )


def case_form(case: CaseResult) -> CaseForm:
    """A judged case."""
    invariants = tuple(map(_invariant_form, case.invariants))
    tensors, warnings = tensor_forms(case.tensors), warning_words(case.warnings)
    return in_words(CaseForm, case, tensors=tensors, warnings=warnings, invariants=invariants)


def _invariant_form(one: InvariantResult) -> InvariantForm:
    told, tensors = invariant_words(one.reasons), tensor_forms(one.tensors)
    return InvariantForm(one.invariant, one.verdict, told, tensors, one.log, one.reasons)


def record_form(case: RecordResult) -> RecordForm:
    """A recorded or accepted case."""
    tensors, warnings = tensor_forms(case.tensors), warning_words(case.warnings)
    return in_words(RecordForm, case, tensors=tensors, warnings=warnings)


def in_words(
    form: type[F],
    result: CaseResult | RecordResult | RepeatResult | CalibrationResult | SensitivityResult,
    **others: object,
) -> F:
    """The `form` of a result: its fields (`others` override them), and the words of reasons and next steps."""
    given: dict[str, Any] = {field.name: getattr(result, field.name) for field in fields(result)}
    words = {"reason": reason_words(result.reasons), "next_step": step_words(result.next_steps)}
    return form(**{**given, **words, **others})


def case_of(form: CaseForm) -> CaseResult:
    """The case that `form` was made from; for one written by an older harness, the reasons are its words."""
    given: dict[str, Any] = {field.name: getattr(form, field.name) for field in fields(CaseResult)}
    given["reasons"] = form.reasons or said(form.reason)
    given["next_steps"] = form.next_steps or advice(form.next_step)
    given["tensors"] = tuple(map(_tensor_of, form.tensors))
    given["invariants"] = tuple(map(_invariant_of, form.invariants))
    return CaseResult(**given)


def _invariant_of(form: InvariantForm) -> InvariantResult:
    reasons = form.reasons or said(form.reason)
    return InvariantResult(
        form.invariant, form.verdict, reasons, tuple(map(_tensor_of, form.tensors)), form.log
    )


def _tensor_of(form: TensorForm) -> TensorResult:
    return TensorResult(
        form.name,
        form.verdict,
        form.dtype,
        form.shape,
        form.metrics,
        form.limits,
        form.needed,
        form.reasons or said(form.reason),
    )


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
