"""An upgrade that asks for the same numbers in other words changes nothing; one that carries another value does."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.capture import Completed
from harness.core.results.verdict import CaseResult, Verdict
from harness.core.tolerance import Relation
from harness.golden.store import GoldenStore
from harness.report.reason_words import reason_words
from tests.golden.builders import ACCEPTED, a_case, environment
from tests.support.evidence import judge, judge_forced, with_divergence
from tests.support.traces import Call, structure_of, write_trace

NOW = environment(torch="2.14.0")
RANDOM = np.random.default_rng(5)
NOISE = RANDOM.standard_normal((4, 4, 8)).astype(np.float32)
MASKS = RANDOM.standard_normal((4, 4, 8)).astype(np.float32)
IMAGES = RANDOM.standard_normal((4, 8)).astype(np.float32)


def draw(function: str, values: np.ndarray, before: str, after: str, generator: str = "cpu") -> Call:
    return Call(f"noise.{function}", {}, {"noise": values},
                {"generator": generator, "before": before, "after": after})  # fmt: skip


def run(
    draws: list[Call] | None = None, *, scaled: int = 1, network: str = "unet", images: np.ndarray = IMAGES
) -> list[Call]:
    """A run that draws latents and masks, calls its network twice, and gives pictures."""
    states = [NOISE * np.float32(0.5), NOISE * np.float32(0.25)]
    calls = [Call("pipeline.__call__", {}, {}, {"guidance_scale": 7.5})]
    calls += draws or [draw("randn_tensor", NOISE, "s0", "s1"), draw("randn_like", MASKS, "s1", "s2")]
    for turn, state in enumerate(states):
        time = np.array(900 - turn)
        given = {"sample": NOISE, "timestep": time}
        calls += [Call("scheduler.scale_model_input", given, {"0": NOISE})] * scaled
        calls.append(Call(f"{network}.forward", given, {"sample": state}))
        calls.append(
            Call("scheduler.step", {"model_output": state, "timestep": time}, {"prev_sample": state})
        )
    return [*calls, Call("pipeline.output", {"images": images})]


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.golden = self.write(folder / "goldens/ddim/two/cpu-x86_64.safetensors", run(), environment())

    def write(self, path: Path, calls: list[Call], env: Any = NOW, **structure: Any) -> Path:
        images = calls[-1].inputs["images"]
        made_of = structure_of({"scheduler": {"beta_end": 0.012, **structure}})
        return write_trace(
            path,
            calls,
            structure=made_of,
            returned={"images": images},
            env=env,
            accepted=None if env is NOW else ACCEPTED,
        )

    def judged(self, calls: list[Call], **structure: Any) -> CaseResult:
        capture = self.write(self.folder / "out/now.safetensors", calls, **structure)
        result = judge(a_case(), Completed(str(capture), NOW, 1.0), GoldenStore(self.folder / "goldens"))
        assert result.relation is Relation.SAME_HARDWARE
        return with_divergence(a_case(), result, capture)

    def replayed(self, calls: list[Call], result: CaseResult) -> CaseResult:
        replay = self.write(self.folder / "out/forced.safetensors", calls)
        return judge_forced(a_case(), result, Completed(str(replay), NOW, 1.0))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def pieces(values: np.ndarray, *states: str) -> list[Call]:
    ends = pairwise(states)
    return [draw("randn", part[None], one, two) for part, (one, two) in zip(values, ends, strict=True)]


HARMLESS: dict[str, tuple[list[Call], str]] = {
    "another function": (
        run([draw("randn_tensor", NOISE, "s0", "s1"), draw("randn_tensor", MASKS, "s1", "s2")]),
        "noise.randn_like.function"),
    "a function of torch's own": (
        run([draw("normal_", NOISE, "s0", "s1"), draw("randn", MASKS, "s1", "s2")]), "noise.randn_tensor.function"),
    "one draw piece by piece": (
        run([*pieces(NOISE, "s0", "a", "b", "c", "s1"), draw("randn_like", MASKS, "s1", "s2")]),
        "noise.randn_tensor.draws"),
    "in another order": (
        run([draw("randn_like", MASKS, "s1", "s2"), draw("randn_tensor", NOISE, "s0", "s1")]), "events.order"),
    "a call more that changes nothing": (run(scaled=2), "scheduler.scale_model_input.calls"),
    "a call less that changed nothing": (run(scaled=0), "scheduler.scale_model_input.calls"),
    "a component of another name": (run(network="denoiser"), "unet.forward.calls"),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_the_same_bits_pass_and_the_change_is_reported(name: str, bench: Bench) -> None:
    calls, told = HARMLESS[name]
    result = bench.judged(calls)
    assert result.verdict is Verdict.IDENTICAL, reason_words(result.reasons)
    assert told in [one.what for one in result.exact_findings]
    assert not any(one.fails for one in result.exact_findings)
    assert result.first_divergence is None
    replay = bench.replayed(calls, result)
    assert replay.verdict is Verdict.IDENTICAL, reason_words(replay.reasons)


def test_a_golden_that_drew_piece_by_piece(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(bench.golden, run([*pieces(NOISE, "s0", "a", "b", "c", "s1")]), environment())
    result = bench.judged(run([draw("randn_tensor", NOISE, "s0", "s1")]))
    assert result.verdict is Verdict.IDENTICAL, reason_words(result.reasons)
    assert [one.what for one in result.exact_findings] == ["noise.randn.draws"]


CHANGED: dict[str, tuple[list[Call], dict[str, Any]]] = {
    "other numbers by another function": (
        run([draw("randn_tensor", NOISE, "s0", "s1"), draw("randn_tensor", MASKS * np.float32(2), "s1", "s3")]), {}),
    "one draw more": (
        run([draw("randn_tensor", NOISE, "s0", "s1"), draw("randn_like", MASKS, "s1", "s2"),
             draw("randn", NOISE * np.float32(3), "s2", "s3")]), {}),
    "a config entry": (run(), {"beta_end": 0.02}),
    "a config entry beside another function": (
        run([draw("randn", NOISE, "s0", "s1"), draw("randn", MASKS, "s1", "s2")]), {"beta_end": 0.02}),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_what_carries_a_value_still_fails(name: str, bench: Bench) -> None:
    calls, structure = CHANGED[name]
    result = bench.judged(calls, **structure)
    assert result.verdict is Verdict.DRIFTED
    assert any(one.fails for one in result.exact_findings)


def test_a_plain_argument_still_fails(bench: Bench) -> None:
    calls = run()
    calls[0] = replace(calls[0], values={"guidance_scale": 7.0})
    result = bench.judged(calls)
    assert result.verdict is Verdict.DRIFTED
    assert [one.what for one in result.exact_findings if one.fails] == ["pipeline.__call__.guidance_scale"]


def test_among_rounding_a_draw_by_another_function_is_the_same_draw(bench: Bench) -> None:
    """As on another CPU: the last bits of the noise differ, and so do all numbers after."""
    rounded = (NOISE * np.float32(1 + 3e-7)).astype(np.float32)
    calls = run([draw("randn", rounded, "s0", "s1"), draw("randn_tensor", MASKS, "s1", "s2")],
                images=(IMAGES * np.float32(1 + 3e-7)).astype(np.float32))  # fmt: skip
    result = bench.judged(calls)
    assert result.verdict is Verdict.WITHIN, reason_words(result.reasons)
    replay = bench.replayed(calls, result)
    noise = [one for one in replay.boundaries if one.event.startswith("noise.")]
    assert [one.verdict for one in noise] == [Verdict.WITHIN, Verdict.IDENTICAL]
    assert all(one.rel_l2 is not None for one in noise)
