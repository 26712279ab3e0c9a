"""What a comparison counts as."""

from __future__ import annotations

import pytest

from harness.core.capture import Unavailable
from harness.core.results.reasons import MissingName
from harness.core.results.verdict import CaseResult, TensorResult, Verdict
from harness.golden.store import GoldenStore
from harness.upgrade.blame.judged import Against, Threshold, problem_of, raised_by, rel_l2_of
from harness.upgrade.blame.runs import Seen
from tests.golden.builders import a_case


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
