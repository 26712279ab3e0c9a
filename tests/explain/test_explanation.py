from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.environment import Change
from harness.core.results.explanation import Explanation
from harness.core.results.verdict import PASSES, CaseResult, Verdict
from harness.core.tolerance import Relation
from harness.explain.explanation import explain, without_traces
from harness.golden.trace import Trace
from harness.judge.traces.boundaries import judge_boundaries
from harness.judge.traces.exact import exact_findings
from tests.explain.simulated import run
from tests.support.traces import Call, make_trace

CHANGE = Change("software.packages.diffusers", "0.41", "0.42")


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return run(tmp_path_factory.mktemp("golden") / "golden.safetensors")


def explained(
    golden: Trace, folder: Path, relation: Relation, forced: bool = False, **knobs: Any
) -> Explanation:
    now = run(folder / "now", **knobs)
    replay = run(folder / "forced", golden, **knobs) if forced else None
    result = CaseResult(
        "sd/x", Verdict.DRIFTED, "cpu", relation, "g", (), 1.0, exact_findings=exact_findings(golden, now, ())
    )
    if replay:
        result = replace(result, boundaries=judge_boundaries(golden, replay, relation))
    return explain(result, golden, now, (CHANGE,), forced=replay)


def test_everything_in_one(golden: Trace, tmp_path: Path) -> None:
    found = explained(golden, tmp_path, Relation.SAME, forced=True, softmax=1.01)
    assert found.divergence is not None
    assert (found.divergence.stage, found.divergence.module) == ("denoiser", "mid_block.attn")
    assert found.result.first_divergence == found.divergence
    assert "inside unet it begins in mid_block.attn" in found.divergence.sentence
    rows = {row.event: row.differing for row in found.stages}
    assert (rows["text_encoder.forward"], rows["unet.forward"], rows["vae.decode"]) == (None, 0, 0)
    assert [one.change for one in found.suspects] == [CHANGE]
    failing = {one.event for one in found.boundaries if one.verdict not in PASSES}
    assert failing == {"unet.forward"}
    assert found.result.boundaries == found.boundaries


def test_forced_replay_settles_what_is_noisy(golden: Trace, tmp_path: Path) -> None:
    # a difference of 2e-5, and rounding elsewhere that the plain run lets grow
    knobs: dict[str, Any] = {"jitter": 1e-7, "guidance": 7.4999}
    plain = explained(golden, tmp_path, Relation.SAME_HARDWARE, **knobs)
    assert plain.divergence is not None
    assert "uncertain" in plain.divergence.sentence
    found = explained(golden, tmp_path, Relation.SAME_HARDWARE, forced=True, **knobs)
    assert found.divergence is not None
    assert (found.divergence.stage, found.divergence.event) == ("guidance", "scheduler.step")
    assert found.divergence.sentence.startswith(
        "forced replay, with the golden's tensors at every boundary: "
    )


def test_forced_replay_that_finds_nothing(golden: Trace, tmp_path: Path) -> None:
    found = explained(golden, tmp_path, Relation.SAME_HARDWARE, forced=True, jitter=1e-7)
    assert {one.verdict for one in found.boundaries} <= PASSES
    assert found.notes == ("in the forced replay every boundary is within its limit: only rounding remains",)


def test_an_extra_event_stands_before_the_replay(golden: Trace, tmp_path: Path) -> None:
    found = explained(golden, tmp_path, Relation.SAME_HARDWARE, forced=True, extra_draw="before", jitter=1e-7)
    assert found.divergence is not None
    assert (found.divergence.stage, found.divergence.event) == ("noise", "noise.randn_tensor")


def test_a_finding_of_the_same_component_stands(golden: Trace, tmp_path: Path) -> None:
    knobs = {"eps": 5e-5, "structure": {"unet__mid_block_norm__eps": 5e-5}, "jitter": 1e-7}
    found = explained(golden, tmp_path, Relation.SAME_HARDWARE, forced=True, **knobs)
    assert found.divergence is not None
    assert found.divergence.module == "mid_block.norm"


def test_the_replay_settles_which_call_it_is(tmp_path: Path) -> None:
    def calls(*errors: float) -> list[Call]:
        values = np.arange(1.0, 401)
        return [Call("unet.forward", {}, {"0": (values * (1 + by)).astype(np.float32)}) for by in errors]

    # the second call is off within its limit, the third beyond it
    sides = [calls(0, 0, 0), calls(0, 4e-6, 9e-6), calls(0, 4e-6, 9e-6)]
    golden, now, forced = (make_trace(tmp_path / str(i), one) for i, one in enumerate(sides))
    boundaries = judge_boundaries(golden, forced, Relation.SAME_HARDWARE)
    result = CaseResult(
        "sd/x", Verdict.DRIFTED, "cpu", Relation.SAME_HARDWARE, "g", (), 1.0, boundaries=boundaries
    )
    found = explain(result, golden, now, (), forced=forced)
    assert [one.verdict for one in found.boundaries][1:] == [Verdict.WITHIN, Verdict.DRIFTED]
    assert found.divergence is not None
    assert found.divergence.index == 2


def test_no_module_where_the_code_between_is_to_blame(golden: Trace, tmp_path: Path) -> None:
    found = explained(golden, tmp_path, Relation.SAME, forced=True, swapped=True)
    assert found.divergence is not None
    assert (found.divergence.stage, found.divergence.module) == ("guidance", None)


def test_identical(golden: Trace, tmp_path: Path) -> None:
    found = explained(golden, tmp_path, Relation.SAME)
    assert (found.divergence, found.result.first_divergence) == (None, None)
    assert all(row.differing is None for row in found.stages)


@pytest.mark.parametrize("missing", ["golden", "run"])
def test_without_a_trace(missing: str, golden: Trace) -> None:
    result = CaseResult("sd/x", Verdict.DRIFTED, "cpu", Relation.SAME, "g", (), 1.0)
    sides = (None, golden) if missing == "golden" else (golden, None)
    found = explain(result, *sides, (CHANGE,))
    assert (found.divergence, found.stages) == (None, ())
    assert found.notes[0].startswith(f"the {missing} has no trace")
    assert [one.change for one in found.suspects] == [CHANGE]


def test_not_compared() -> None:
    result = CaseResult(
        "sd/x", Verdict.STALE, "cpu", Relation.SAME, "g", (), 1.0, environment_changes=(CHANGE,)
    )
    found = without_traces(result)
    assert (found.result, found.divergence) == (result, None)
    assert [one.change for one in found.suspects] == [CHANGE]
