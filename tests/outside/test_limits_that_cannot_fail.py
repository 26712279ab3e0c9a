"""A limit that every output meets is refused: in the config where it can be told there, else when it is to judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.config.load import load_cases
from harness.core.capture import Completed
from harness.core.invariant import Invariant, InvariantKind
from harness.core.results.verdict import Verdict
from harness.core.tolerance import Limits, Relation, Tolerance
from harness.core.trace import TraceLevel
from harness.errors import ConfigError
from harness.golden.store import GoldenStore
from harness.judge.invariants import judge_invariant
from harness.report.reason_words import reason_words, step_words
from tests.golden.builders import ACCEPTED, a_case, environment, write_capture
from tests.support.evidence import judge
from tests.support.project import TWO_STEPS

IMAGES = np.array([[0, 255], [7, 9]], np.uint8)


def problems(folder: Path, more: str) -> list[str]:
    (folder / "configs").mkdir()
    (folder / "configs/one.yaml").write_text(TWO_STEPS + more)
    try:
        load_cases(folder / "configs")
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("limit", "accepted", "why"),
    [
        ("psnr: 0", "greater than 0", "black against white"),
        ("psnr: -5", "greater than 0", "black against white"),
        ("cosine_distance: 2", "from 0, below 2", "negative"),
        ("cosine_distance: 2.5", "from 0, below 2", "negative"),
        ("mismatched: 1", "from 0, below 1", "every element"),
        ("mismatched: 1.0", "from 0, below 1", "every element"),
        ("max_abs: 1.0e+39", "from 0, below 6.8", "no two numbers"),
        ("mean_abs: 1.0e+300", "from 0, below 6.8", "no two numbers"),
        ("max_ulp: 4294967296", "from 0, below 4278190078", "no two float32"),
        ("rel_l2: 1.0e+6", "from 0, below 100", "order of magnitude"),
        ("max_abs: -1", "from 0", "no two numbers"),
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        "tolerance.same-hardware",
        "tolerance.same",
        "invariants.batch",
        "invariants.half",
        "invariants.vae_tiling",
    ],
)
def test_the_config_says_why(limit: str, accepted: str, why: str, place: str, tmp_path: Path) -> None:
    section, name = place.split(".")
    [problem] = problems(tmp_path, f"{section}: {{{name}: {{{limit}}}}}\n")
    assert f"{place}.{limit.partition(':')[0]} = " in problem
    assert accepted in problem
    assert why in problem


@pytest.mark.parametrize("limit", ["max_abs: .inf", "rel_l2: .nan", "psnr: -.inf"])
def test_numbers_that_are_none(limit: str, tmp_path: Path) -> None:
    [problem] = problems(tmp_path, f"tolerance: {{same-hardware: {{{limit}}}}}\n")
    assert "finite" in problem


@pytest.mark.parametrize("metric", ["max_abs", "mean_abs", "max_ulp"])
def test_eight_bit_images_differ_by_255_at_most(metric: str, tmp_path: Path) -> None:
    text = TWO_STEPS.replace("np", "pil") + f"tolerance: {{same-hardware: {{{metric}: 255}}}}\n"
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/one.yaml").write_text(text)
    with pytest.raises(ConfigError, match="8-bit images; expected a number below 255"):
        load_cases(tmp_path / "configs")
    (tmp_path / "configs/one.yaml").write_text(text.replace("255", "254"))
    assert len(load_cases(tmp_path / "configs").cases) == 1


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("min_sensitivity: 0\n", "min_sensitivity = 0: expected a number greater than 0, at most 1"),
        ("accept_exact: ['*']\n", "only wildcards would accept every possible finding"),
        ("accept_exact: ['**.*']\n", "only wildcards would accept every possible finding"),
    ],
)
def test_other_judges_that_let_all_pass(more: str, why: str, tmp_path: Path) -> None:
    [problem] = problems(tmp_path, more)
    assert why in problem


@pytest.mark.parametrize(
    "limits",
    ["psnr: 0.1", "cosine_distance: 1.99", "mismatched: 0.99", "max_abs: 1.0", "rel_l2: 10", "max_ulp: 0",
     "max_abs: 0, psnr: 60"],
)  # fmt: skip
def test_what_can_fail_is_accepted(limits: str, tmp_path: Path) -> None:
    assert problems(tmp_path, f"tolerance: {{same-hardware: {{{limits}}}}}\n") == []


@pytest.mark.parametrize(
    ("tensor", "limits", "told"),
    [
        (IMAGES, Limits(max_abs=255.0), "two uint8 tensors differ by max_abs at most 255"),
        (IMAGES, Limits(mean_abs=300.0, max_ulp=255.0), "mean_abs at most 255, max_ulp at most 255"),
        (IMAGES.astype(bool), Limits(max_abs=1.0), "two bool tensors differ by max_abs at most 1"),
        (IMAGES.astype(np.float16), Limits(max_abs=131008.0), "two float16 tensors differ"),
        (IMAGES.astype(np.float16), Limits(max_ulp=63486.0), "two float16 tensors differ"),
    ],
)
def test_a_limit_beyond_the_dtype_is_an_error_when_it_is_to_judge(
    tensor: np.ndarray, limits: Limits, told: str, tmp_path: Path
) -> None:
    golden = write_capture(
        tmp_path / "goldens/ddim/two/cpu-x86_64.safetensors", {"images": tensor}, accepted=ACCEPTED
    )
    capture = write_capture(tmp_path / "out/now.safetensors", {"images": tensor[::-1]})
    case = a_case(trace=TraceLevel.NONE, tolerance=Tolerance(same_hardware=limits))
    done = Completed(str(capture), environment(), 1.0)
    result = judge(case, done, GoldenStore(tmp_path / "goldens"), relation=Relation.SAME_HARDWARE)
    assert result.verdict is Verdict.ERROR
    assert told in reason_words(result.reasons)
    assert "configs/ddim/two.yaml" in step_words(result.next_steps)
    of_batch = judge_invariant(Invariant(InvariantKind.BATCH, limits), golden, done)
    assert of_batch.verdict is Verdict.ERROR
    assert told in reason_words(of_batch.reasons)


def test_one_limit_that_can_fail_is_enough(tmp_path: Path) -> None:
    write_capture(tmp_path / "goldens/ddim/two/cpu-x86_64.safetensors", {"images": IMAGES}, accepted=ACCEPTED)
    capture = write_capture(tmp_path / "out/now.safetensors", {"images": IMAGES})
    case = a_case(trace=TraceLevel.NONE, tolerance=Tolerance(same_hardware=Limits(max_abs=255.0, rel_l2=0.1)))
    done = Completed(str(capture), environment(), 1.0)
    result = judge(case, done, GoldenStore(tmp_path / "goldens"), relation=Relation.SAME_HARDWARE)
    assert result.verdict is Verdict.IDENTICAL
