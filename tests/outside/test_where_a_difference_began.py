"""Where a difference began, among the rounding of another machine: by the replay, else by the measured growth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.core.capture import Completed
from harness.core.measured.calibration import Growth
from harness.core.results.verdict import CaseResult, Verdict
from harness.core.tolerance import Limits, Tolerance
from harness.golden.calibrations import write_calibration
from harness.golden.store import GoldenStore
from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace
from harness.measure.noise import boundary_noise, growth
from harness.report.reason_words import step_words
from tests.explain import simulated
from tests.golden.builders import ACCEPTED, a_case, environment
from tests.support.calibrations import calibration_from, evidence
from tests.support.evidence import explanation_of, judge, judge_forced, with_divergence
from tests.support.traces import Call, open_trace, write_trace

OTHER_CPU = 2e-7
"""How far a network's numbers move there, in rel_l2."""

NOW = environment(torch="2.14.0")


class Lab:
    """A golden of the simulated pipeline, with limits measured on two other machines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = GoldenStore(folder / "goldens")
        self.golden = folder / "goldens/ddim/two/cpu-x86_64.safetensors"
        self.case = a_case(tolerance=Tolerance(same_hardware=Limits(rel_l2=1e-6)))
        self.run(self.golden)
        self.trace = open_trace(self.golden)
        self.calibrate()

    def run(self, path: Path, fed: Trace | None = None, **knobs: Any) -> Path:
        settings = simulated.Knobs(**knobs)
        calls = simulated.Machine(settings, fed).run()
        images = calls[-1].inputs["images"]
        return write_trace(
            path, calls, structure=simulated.structure(), returned={"images": images},
            env=environment() if path == self.golden else NOW,
            accepted=ACCEPTED if path == self.golden else None,
        )  # fmt: skip

    def calibrate(self) -> None:
        runs = []
        for name, jitter in (("ulp", OTHER_CPU), ("mkl", 1.5 * OTHER_CPU)):
            varied = open_trace(self.run(self.folder / "varied.safetensors", jitter=jitter))
            forced = open_trace(self.run(self.folder / "f.safetensors", self.trace, jitter=jitter))
            boundaries = boundary_noise(self.trace, forced, seeded=True)
            runs.append(evidence(name, 1e-7, boundaries=boundaries, growth=growth(self.trace, varied)))
        with TensorFile(self.golden) as file:
            write_calibration(self.golden, calibration_from(runs, file))

    def verified(self, *, forced: bool, **knobs: Any) -> tuple[CaseResult, Path, Path | None]:
        capture = self.run(self.folder / "out/now.safetensors", **knobs)
        result = judge(self.case, Completed(str(capture), NOW, 1.0), self.store)
        assert result.verdict is Verdict.DRIFTED
        if not forced:
            return result, capture, None
        replay = self.run(self.folder / "out/forced.safetensors", self.trace, **knobs)
        judged = judge_forced(self.case, result, Completed(str(replay), NOW, 1.0))
        return judged, capture, replay


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("lab"))


FAULTS: Mapping[str, tuple[dict[str, Any], tuple[str, str, int]]] = {
    "alphas rounded to half precision": ({"half_alphas": True}, ("scheduler", "scheduler.step", 0)),
    "betas that end elsewhere": ({"beta_end": 0.01201}, ("scheduler", "scheduler.step", 0)),
    "guidance a little less": ({"guidance": 7.499}, ("guidance", "scheduler.step", 0)),
    "an attention's scale": ({"softmax": 1.01}, ("denoiser", "unet.forward", 0)),
    "a picture of 256 levels": (
        {"rounded_picture": True}, ("post_processing", "image_processor.postprocess", 0)),
    "the scaling before the VAE": ({"scaling": 0.1822}, ("decoding", "vae.decode", 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("forced", [True, False])
def test_the_place_is_named(name: str, forced: bool, lab: Lab) -> None:
    knobs, place = FAULTS[name]
    result, capture, replay = lab.verified(forced=forced, jitter=OTHER_CPU, **knobs)
    found = with_divergence(lab.case, result, capture, replay).first_divergence
    assert found is not None
    assert (found.stage, found.event, found.index) == place, found.sentence
    if forced:
        failing = next(one for one in result.boundaries if one.verdict is Verdict.DRIFTED)
        assert (failing.event.removeprefix("→ "), failing.index) == (found.event, found.index)
        assert found.sentence.startswith("forced replay, with the golden's tensors at every boundary")


@pytest.mark.parametrize("name", FAULTS)
def test_verify_and_explain_say_the_same(name: str, lab: Lab) -> None:
    result, capture, replay = lab.verified(forced=True, jitter=OTHER_CPU, **FAULTS[name][0])
    verified = with_divergence(lab.case, result, capture, replay)
    explained = explanation_of(lab.case, result, capture, replay)
    assert explained.result == verified
    assert explained.boundaries == verified.boundaries == result.boundaries


def test_calibrated_limits_judge_the_boundaries_of_both(lab: Lab) -> None:
    result, capture, replay = lab.verified(forced=True, jitter=OTHER_CPU, half_alphas=True)
    limits = {one.event: one.limit for one in result.boundaries}
    assert limits["unet.forward"] != 50 * 2.0**-23  # what holds without a calibration
    assert {
        one.event: one.limit for one in explanation_of(lab.case, result, capture, replay).boundaries
    } == limits


def test_a_failure_says_what_to_do_whether_the_change_is_meant_or_not(lab: Lab) -> None:
    result, capture, _ = lab.verified(forced=False, jitter=OTHER_CPU, softmax=1.01)
    step = step_words(with_divergence(lab.case, result, capture).next_steps)
    assert step == (
        "if the change is not intended, go back to torch 2.13.0 or fix what moved the case: harness explain ddim/two; "
        "to prove whether torch did it: harness blame ddim/two; "
        "if the change is intended: harness accept ddim/two --reason ..."
    )


def moved(values: np.ndarray, by: float, seed: int) -> np.ndarray:
    """`values` at the distance `by`, in rel_l2."""
    noise = np.random.default_rng(seed).standard_normal(values.shape)
    scaled = by * np.linalg.norm(values) / np.linalg.norm(noise)
    return (values + scaled * noise).astype(np.float32)


def three_steps(networks: tuple[float, ...], steps: tuple[float, ...]) -> list[Call]:
    """Three turns of a loop whose networks and steps give what is off by so much."""
    random = np.random.default_rng(3)
    outs, states = ([random.standard_normal(4000).astype(np.float32) for _ in range(4)] for _ in range(2))
    given, calls = states[0], []
    for turn in range(3):
        out = moved(outs[turn], networks[turn], 10 + turn) if networks[turn] else outs[turn]
        state = moved(states[turn + 1], steps[turn], 20 + turn) if steps[turn] else states[turn + 1]
        calls.append(Call("unet.forward", {"sample": given}, {"sample": out}))
        calls.append(Call("scheduler.step", {"model_output": out, "sample": given}, {"prev_sample": state}))
        given = state
    return [*calls, Call("pipeline.output", {"images": given})]


@pytest.mark.parametrize("measured", [True, False])
def test_what_outgrows_the_benign_runs_first_comes_before_a_larger_jump_later(
    measured: bool, tmp_path: Path
) -> None:
    golden = tmp_path / "goldens/ddim/two/cpu-x86_64.safetensors"
    calls = three_steps((0, 0, 0), (0, 0, 0))
    write_trace(golden, calls, returned={"images": calls[-1].inputs["images"]}, accepted=ACCEPTED)
    if measured:
        curve = (Growth("scheduler.step", (4e-7, 5e-7, 6e-7)),)
        names = {f"{mark}{name}": 0.0 for name in ("unet.forward", "scheduler.step") for mark in ("", "→ ")}
        once = {**names, "→ pipeline.output": 0.0}
        runs = [evidence(name, 1e-7, boundaries=once, growth=curve) for name in ("ulp", "mkl")]
        with TensorFile(golden) as file:
            write_calibration(golden, calibration_from(runs, file))
    # Every step is a little off, too little for a jump; the last call of the network makes much of it.
    calls = three_steps((2e-6, 1.5e-5, 8e-4), (1.5e-5, 2e-5, 8e-4))
    capture = write_trace(
        tmp_path / "now.safetensors", calls, returned={"images": calls[-1].inputs["images"]}, env=NOW
    )
    result = judge(a_case(), Completed(str(capture), NOW, 1.0), GoldenStore(tmp_path / "goldens"))
    found = with_divergence(a_case(), result, capture).first_divergence
    assert found is not None
    place = ("scheduler", "scheduler.step", 0) if measured else ("denoiser", "unet.forward", 2)
    assert (found.stage, found.event, found.index) == place, found.sentence
