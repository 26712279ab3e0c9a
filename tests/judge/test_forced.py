from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Completed, Lost, Outcome, Raised, Unavailable
from harness.core.results.verdict import CaseResult, Verdict
from harness.core.tolerance import Relation
from harness.report.reason_words import reason_words, step_words
from tests.golden.builders import a_case, environment, write_capture
from tests.support.evidence import judge_forced, replayable
from tests.support.traces import Call, write_trace

HERE = environment()
VALUES = np.linspace(-1.0, 1.0, 64, dtype=np.float32)


def calls(out: np.ndarray = VALUES) -> list[Call]:
    return [
        Call("unet.forward", {"sample": VALUES}, {"sample": out}),
        Call("scheduler.step", {"model_output": VALUES}, {"prev_sample": VALUES}),
    ]


def result(golden: Path | None, verdict: Verdict = Verdict.IDENTICAL) -> CaseResult:
    path = golden.as_posix() if golden else None
    return CaseResult("ddim/two", verdict, "cpu-x86_64", Relation.SAME_HARDWARE, path, (), 1.0)


def judged(folder: Path, out: np.ndarray, verdict: Verdict = Verdict.IDENTICAL) -> CaseResult:
    golden = write_trace(folder / "golden.safetensors", calls())
    forced = write_trace(folder / "forced.safetensors", calls(out))
    return judge_forced(a_case(), result(golden, verdict), Completed(str(forced), HERE, 1.0))


def test_a_replay_inside_its_limits_leaves_the_verdict(tmp_path: Path) -> None:
    found = judged(tmp_path, (VALUES * np.float32(1 + 2e-6)).astype(np.float32), Verdict.WITHIN)
    assert found.verdict is Verdict.WITHIN
    assert [one.event for one in found.boundaries] == [
        "→ unet.forward",
        "unet.forward",
        "→ scheduler.step",
        "scheduler.step",
    ]


def test_a_boundary_beyond_its_limit_fails_a_case_that_passed(tmp_path: Path) -> None:
    found = judged(tmp_path, (VALUES * np.float32(1.001)).astype(np.float32))
    assert found.verdict is Verdict.DRIFTED
    assert reason_words(found.reasons) == "forced replay: unet.forward[0] rel_l2 0.001 > 5.96e-06"


def test_another_shape_is_broken(tmp_path: Path) -> None:
    assert judged(tmp_path, VALUES[:3]).verdict is Verdict.BROKEN


def test_a_failure_end_to_end_keeps_its_own_reason(tmp_path: Path) -> None:
    found = judged(tmp_path, VALUES * np.float32(2), Verdict.BROKEN)
    assert (found.verdict, reason_words(found.reasons)) == (Verdict.BROKEN, "")


@pytest.mark.parametrize(
    "outcome",
    [
        Raised("ValueError: no", "", HERE, 1.0),
        Lost("killed by signal 9"),
        Unavailable("cuda: no such device"),
    ],
)
def test_a_replay_without_an_end_makes_a_pass_an_error(tmp_path: Path, outcome: Outcome) -> None:
    golden = write_trace(tmp_path / "golden.safetensors", calls())
    passed = judge_forced(a_case(), result(golden), outcome)
    assert passed.verdict is Verdict.ERROR
    assert reason_words(passed.reasons).startswith("forced replay: ")
    failed = judge_forced(a_case(), result(golden, Verdict.DRIFTED), outcome)
    assert failed.verdict is Verdict.DRIFTED
    assert len(failed.warnings) == 1


def test_a_capture_without_a_trace_makes_a_pass_an_error(tmp_path: Path) -> None:
    golden = write_trace(tmp_path / "golden.safetensors", calls())
    plain = write_capture(tmp_path / "plain.safetensors", {"images": VALUES})
    assert judge_forced(a_case(), result(golden), Completed(str(plain), HERE, 1.0)).verdict is Verdict.ERROR


def test_only_a_golden_that_kept_its_tensors_can_be_replayed(tmp_path: Path) -> None:
    golden = write_trace(tmp_path / "golden.safetensors", calls())
    plain = write_capture(tmp_path / "plain.safetensors", {"images": VALUES})
    assert replayable(a_case(), result(golden))
    assert not replayable(a_case(), result(plain))
    assert not replayable(a_case(), result(None))
    assert not replayable(a_case(), result(golden, Verdict.STALE))
    assert not replayable(a_case(), result(tmp_path / "gone.safetensors"))


def test_what_cannot_be_replayed_is_no_pass(tmp_path: Path) -> None:
    plain = write_capture(tmp_path / "plain.safetensors", {"images": VALUES})
    found = judge_forced(a_case(), result(plain), None)
    assert found.verdict is Verdict.ERROR
    assert "harness record --update ddim/two" in step_words(found.next_steps)
    assert judge_forced(a_case(), result(plain, Verdict.DRIFTED), None).verdict is Verdict.DRIFTED
    assert judge_forced(a_case(), result(None, Verdict.SKIPPED), None) == result(None, Verdict.SKIPPED)
