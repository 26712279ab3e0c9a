"""An invariant is judged by the run's own outputs, and fails a case that would pass without it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.capture import Completed, Lost, Outcome, Raised, Unavailable
from harness.core.invariant import Invariant, InvariantKind
from harness.core.results.reasons import OtherDevice, said
from harness.core.results.verdict import CaseResult, InvariantResult, Verdict
from harness.core.tolerance import Limits
from harness.judge.invariants import judge_invariant, with_invariants
from harness.report.reason_words import invariant_words, reason_words
from tests.golden.builders import environment, write_capture

HERE = environment()
EXACT = Invariant(InvariantKind.SAVE_LOAD)
VALUES = np.array([3.0, 4.0], np.float32)  # of L2 norm 5


def judged(
    folder: Path, invariant: Invariant, base: Mapping[str, Any], variation: Mapping[str, Any]
) -> InvariantResult:
    ours = write_capture(folder / "base.safetensors", base)
    theirs = write_capture(folder / "variation.safetensors", variation)
    return judge_invariant(invariant, ours, Completed(str(theirs), HERE, 1.0))


def test_equal_bits_hold_exactly(tmp_path: Path) -> None:
    result = judged(tmp_path, EXACT, {"images": VALUES}, {"images": VALUES})
    assert (result.invariant, result.verdict, reason_words(result.reasons)) == (
        "save_load",
        Verdict.IDENTICAL,
        "",
    )


def test_other_bits_do_not(tmp_path: Path) -> None:
    result = judged(tmp_path, EXACT, {"images": VALUES}, {"images": np.nextafter(VALUES, 9)})
    assert result.verdict is Verdict.DRIFTED
    assert reason_words(result.reasons).startswith("images: not bit for bit equal")


@pytest.mark.parametrize(("limit", "verdict"), [(0.101, Verdict.WITHIN), (0.099, Verdict.DRIFTED)])
def test_limits_are_its_own(limit: float, verdict: Verdict, tmp_path: Path) -> None:
    invariant = Invariant(InvariantKind.BATCH, Limits(rel_l2=limit))
    result = judged(tmp_path, invariant, {"images": VALUES}, {"images": VALUES + np.float32([0.5, 0])})
    assert result.verdict is verdict
    assert result.tensors[0].metrics["rel_l2"] == pytest.approx(0.1)


@pytest.mark.parametrize(("limit", "verdict"), [(0.101, Verdict.WITHIN), (0.099, Verdict.DRIFTED)])
def test_half_precision_is_compared_in_the_dtype_of_the_run(
    limit: float, verdict: Verdict, tmp_path: Path
) -> None:
    invariant = Invariant(InvariantKind.HALF, Limits(rel_l2=limit))
    result = judged(tmp_path, invariant, {"latents": VALUES}, {"latents": np.float16([3.5, 4.0])})
    assert (result.verdict, result.tensors[0].dtype) == (verdict, "float32")
    assert result.tensors[0].metrics["max_abs"] == 0.5


def test_half_precision_that_overflows_fails(tmp_path: Path) -> None:
    invariant = Invariant(InvariantKind.HALF, Limits(rel_l2=1e9))
    result = judged(tmp_path, invariant, {"latents": VALUES}, {"latents": np.float16([np.inf, 4.0])})
    assert result.verdict is Verdict.BROKEN
    assert "1 new Inf" in reason_words(result.reasons)


def test_another_dtype_is_broken_where_no_dtype_was_changed(tmp_path: Path) -> None:
    invariant = Invariant(InvariantKind.BATCH, Limits(rel_l2=1.0))
    result = judged(tmp_path, invariant, {"images": VALUES}, {"images": VALUES.astype(np.float64)})
    assert result.verdict is Verdict.BROKEN
    assert invariant_words(result.reasons) == "images: float32 [2] in the run, now float64 [2]"


def test_nothing_to_compare_is_no_pass(tmp_path: Path) -> None:
    assert judged(tmp_path, EXACT, {}, {}).verdict is Verdict.ERROR


@pytest.mark.parametrize(
    ("outcome", "verdict", "reason"),
    [
        (Unavailable("no GPU"), Verdict.SKIPPED, "no GPU"),
        (
            Unavailable("cpu: the case runs on cuda only", OtherDevice("cpu", ("cuda",))),
            Verdict.SKIPPED,
            "cpu: the invariant runs only on cuda; choose one with --device",
        ),
        (Lost("no result within 5 s"), Verdict.ERROR, "no result within 5 s"),
        (Raised("ValueError: odd", "Traceback", HERE, 1.0), Verdict.BROKEN, "raised ValueError: odd"),
        (
            Raised("InductorError: InvalidCxxCompiler: g++", "Traceback", HERE, 1.0),
            Verdict.SKIPPED,
            "this machine lacks the compiler that torch.compile needs (InductorError: InvalidCxxCompiler: g++)",
        ),
    ],
)
def test_a_variation_that_gave_no_capture(
    outcome: Outcome, verdict: Verdict, reason: str, tmp_path: Path
) -> None:
    result = judge_invariant(EXACT, tmp_path / "base.safetensors", outcome)
    assert (result.verdict, reason_words(result.reasons)) == (verdict, reason)


def test_a_capture_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    ours = write_capture(tmp_path / "base.safetensors", {"images": VALUES})
    outcome = Completed(str(tmp_path / "missing.safetensors"), HERE, 1.0)
    assert judge_invariant(EXACT, ours, outcome).verdict is Verdict.ERROR


def _with(verdict: Verdict, *invariants: Verdict) -> CaseResult:
    case = CaseResult("a", verdict, None, None, None, said("as it was"), 1.0)
    judged = [
        InvariantResult(f"number-{place}", one, said(f"why {place}")) for place, one in enumerate(invariants)
    ]
    return with_invariants(case, judged)


@pytest.mark.parametrize(
    ("before", "invariants", "after"),
    [
        ("identical", ["identical", "within", "skipped"], "identical"),
        ("within", ["within", "drifted"], "drifted"),
        ("identical", ["drifted", "broken"], "broken"),
        ("no-golden", ["drifted"], "drifted"),
        ("no-golden", ["identical"], "no-golden"),
        ("identical", ["broken", "error"], "error"),
        ("stale", ["broken"], "stale"),
        ("broken", ["error"], "broken"),
    ],
)
def test_what_invariants_make_of_a_case(before: str, invariants: list[str], after: str) -> None:
    result = _with(Verdict(before), *map(Verdict, invariants))
    assert result.verdict == after
    assert len(result.invariants) == len(invariants)
    assert (reason_words(result.reasons) == "as it was") is (before == after)


def test_the_reason_names_the_worst_ones() -> None:
    result = _with(Verdict.IDENTICAL, Verdict.DRIFTED, Verdict.WITHIN, Verdict.DRIFTED)
    assert reason_words(result.reasons) == "invariants: number-0: why 0; number-2: why 2"
