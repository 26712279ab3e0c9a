"""What a comparison counts as."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Completed, Lost, Raised, Unavailable
from harness.core.case import Case
from harness.core.results.blame import ChangeKind
from harness.core.results.reasons import MissingName
from harness.core.results.verdict import CaseResult, TensorResult, Verdict
from harness.core.tolerance import CALIBRATED
from harness.golden.store import GoldenStore
from harness.upgrade.blame.judged import (
    Against,
    Apart,
    Threshold,
    against_run,
    apart,
    problem_of,
    raised_by,
    rel_l2_of,
    same_bits,
    step_between,
    told_by,
)
from harness.upgrade.blame.runs import Seen
from harness.upgrade.blame.search import Told
from tests.golden.builders import a_case, environment, write_capture
from tests.upgrade.blame.a_world import PLAIN


def tensor(verdict: Verdict, rel_l2: float | None) -> TensorResult:
    return TensorResult("images", verdict, "float32", (2,), {"rel_l2": rel_l2}, {}, {})


def result(verdict: Verdict, *tensors: TensorResult) -> CaseResult:
    return CaseResult("a/case", verdict, "cpu-x86_64", None, None, (), 1.0, tensors)


def against(*, outputs: bool) -> Against:
    return Against(a_case(), GoldenStore(a_case().base), outputs=outputs)  # type: ignore[arg-type]


ONLY_THE_WAY = result(Verdict.DRIFTED, tensor(Verdict.IDENTICAL, None))
"""All outputs are equal bit for bit; something on the way to them is not."""


def test_between_two_named_ends_the_outputs_alone_count() -> None:
    for threshold in (Threshold(), Threshold(bitwise=True)):
        assert against(outputs=False).differs(ONLY_THE_WAY, threshold)
        assert not against(outputs=True).differs(ONLY_THE_WAY, threshold)


@pytest.mark.parametrize(("verdict", "rel_l2", "default", "bitwise", "above"), [
    (Verdict.IDENTICAL, None, False, False, False),
    (Verdict.WITHIN, 1e-6, False, True, False),
    (Verdict.WITHIN, 2e-3, False, True, True),
    (Verdict.DRIFTED, 5e-4, True, True, False),
    (Verdict.DRIFTED, 2e-3, True, True, True),
    (Verdict.DRIFTED, None, True, True, True),
    (Verdict.BROKEN, None, True, True, True),
])  # fmt: skip
def test_thresholds(
    verdict: Verdict, rel_l2: float | None, default: bool, bitwise: bool, above: bool
) -> None:
    one = result(verdict, tensor(verdict, rel_l2))
    assert Threshold().differs(one) is default
    assert Threshold(bitwise=True).differs(one) is bitwise
    assert Threshold(least=1e-3).differs(one) is above


def test_the_largest_distance_of_all_outputs_counts() -> None:
    same, near = tensor(Verdict.IDENTICAL, None), tensor(Verdict.WITHIN, 1e-6)
    assert rel_l2_of(result(Verdict.WITHIN, same, near)) == 1e-6
    assert rel_l2_of(result(Verdict.IDENTICAL, same)) == 0.0
    assert rel_l2_of(result(Verdict.DRIFTED, near, tensor(Verdict.DRIFTED, None))) is None
    assert rel_l2_of(result(Verdict.BROKEN)) is None


@pytest.mark.parametrize(("package", "raised"), [("numpy", "numpy is missing"), ("no_such_package", "")])
def test_a_package_that_only_the_other_versions_lack_ends_a_run(package: str, raised: str) -> None:
    """As for `verify --with`, which names blame as the next step."""
    seen = Seen(Unavailable("pip install it", lacking=MissingName(package, f"{package} is missing")))
    assert raised_by(seen) == raised
    assert problem_of(seen, None) == ("" if raised else "cannot run here: pip install it")


def test_what_did_not_run_says_why() -> None:
    assert problem_of(Seen(None, "cannot be imported: x"), None) == "cannot be imported: x"


def ran(folder: Path, value: float, case: Case = PLAIN) -> Seen:
    path = folder / f"{value}.safetensors"
    write_capture(path, {"images": np.float32([1.0, value])}, case=case)
    return Seen(Completed(str(path), environment(), 0.1))


def raised(message: str) -> Seen:
    return Seen(Raised(message, "", environment(), 0.1))


def test_two_runs_of_one_end_are_apart_if_one_alone_raises(tmp_path: Path) -> None:
    one = ran(tmp_path, 2.0)
    assert apart(PLAIN, (one, raised("ValueError: x")), tmp_path / "a") == Apart(None)
    assert apart(PLAIN, (raised("ValueError: x"), one), tmp_path / "b") == Apart(None)
    assert apart(PLAIN, (raised("ValueError: x"), raised("ValueError: y")), tmp_path / "c") is None
    assert apart(PLAIN, (one, ran(tmp_path, 2.0)), tmp_path / "d") is None
    # |3 - 2| over the norm of (1, 2)
    assert apart(PLAIN, (one, ran(tmp_path, 3.0)), tmp_path / "e") == Apart(pytest.approx(1 / 5**0.5))


def test_the_same_bits_are_those_of_outputs_or_of_an_exception(tmp_path: Path) -> None:
    one = ran(tmp_path, 2.0)
    assert same_bits(one, one)
    assert not same_bits(one, ran(tmp_path, 3.0))
    assert same_bits(raised("ValueError: x"), raised("ValueError: x"))
    assert not same_bits(raised("ValueError: x"), raised("ValueError: y"))
    assert not same_bits(one, raised("ValueError: x"))
    assert not same_bits(raised("ValueError: x"), one)


def test_a_run_that_raises_says_nothing_about_numbers(tmp_path: Path) -> None:
    own = against_run(PLAIN, ran(tmp_path, 2.0), tmp_path / "own")
    assert told_by(raised("ValueError: x"), own, Threshold(), "") is Told.UNKNOWN
    assert told_by(Seen(Lost("killed by signal 9")), own, Threshold(), "") is Told.UNKNOWN
    assert told_by(Seen(None, "cannot be imported"), own, Threshold(), "") is Told.UNKNOWN
    assert told_by(ran(tmp_path, 2.0), own, Threshold(), "") is Told.GOOD
    assert told_by(ran(tmp_path, 3.0), own, Threshold(), "") is Told.BAD


@pytest.mark.parametrize(("dtype", "distance", "kind"), [
    ("float32", 5e-5, ChangeKind.ROUNDING),
    ("float32", 2e-4, ChangeKind.BEHAVIOUR),
    ("bfloat16", 1e-2, ChangeKind.ROUNDING),
    ("bfloat16", 3e-2, ChangeKind.BEHAVIOUR),
])  # fmt: skip
def test_where_limits_are_calibrated_rounding_is_that_of_the_dtype(
    tmp_path: Path, dtype: str, distance: float, kind: ChangeKind
) -> None:
    """Nothing is calibrated between two runs; noise of float32 ends at 2e-5, changes of past releases begin at 2e-4."""
    case = dataclasses.replace(
        PLAIN, tolerance=CALIBRATED, model=dataclasses.replace(PLAIN.model, dtype=dtype)
    )
    before, after = ran(tmp_path, 1.0, case), ran(tmp_path, 1.0 + distance * 2**0.5, case)
    assert step_between(case, before, after, tmp_path / "step").kind is kind
