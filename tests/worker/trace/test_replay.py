"""Forced replay feeds what the golden fed and hands on what the golden got, and tells what really came out."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from harness.core.trace import TraceLevel
from harness.errors import UnreadableGolden
from harness.golden.tensors import TensorFile
from harness.worker.trace.replay import Replay
from tests.worker.fakes import Digits
from tests.worker.test_record import written_file
from tests.worker.trace import runs
from tests.worker.trace.runs import PROMPT, Run, record, seeded

STEPS = 3
DDIM: dict[str, Any] = {"num_inference_steps": STEPS, "output_type": "np"}
DIFFUSION: dict[str, Any] = {"prompt": PROMPT, "num_inference_steps": 2, "output_type": "np"}
UNCLIP: dict[str, Any] = {"prompt": PROMPT, "output_type": "np"} | {
    f"{stage}_num_inference_steps": 2 for stage in ("prior", "decoder", "super_res")
}


def changed(golden: Run, now: Run) -> dict[str, set[int]]:
    """The slots of component-level events, as `event>slot` for inputs, whose bits differ, with their indices."""
    found: dict[str, set[int]] = {}
    events = [
        [event for event in run.trace.events if event.signature.module is None] for run in (golden, now)
    ]
    for one, other in zip(*events, strict=True):
        assert one.key == other.key
        ways = ((">", one.signature.inputs, one.inputs, other.inputs),)
        ways += ((".", one.signature.outputs, one.outputs, other.outputs),)
        for way, slots, rows, others in ways:
            for slot, row, its in zip(slots, rows, others, strict=True):
                if not golden.trace.same(row, now.trace, its):
                    found.setdefault(f"{one.name}{way}{slot.name}", set()).add(one.index)
    return found


@pytest.mark.parametrize(
    ("pipeline", "call"),
    [(runs.ddim, DDIM), (runs.stable_diffusion, DIFFUSION), (runs.unclip, UNCLIP)],
    ids=["ddim", "sd", "unclip"],
)
def test_a_golden_replayed_onto_its_own_run_changes_no_bit(
    tmp_path: Path, pipeline: Any, call: dict[str, Any]
) -> None:
    golden = record(tmp_path, pipeline(), **call)
    forced = record(tmp_path, pipeline(), forced=golden.capture, **call)
    assert np.array_equal(forced.output.images, golden.output.images)
    assert changed(golden, forced) == {}


@pytest.mark.parametrize(
    ("pipeline", "call"), [(runs.stable_diffusion, DIFFUSION), (runs.unclip, UNCLIP)], ids=["sd", "unclip"]
)
def test_with_another_generator_the_goldens_noise_is_fed(
    tmp_path: Path, pipeline: Any, call: dict[str, Any]
) -> None:
    golden = record(tmp_path, pipeline(), **call)
    plain = record(tmp_path, pipeline(), generator=seeded(1), **call)
    forced = record(tmp_path, pipeline(), forced=golden.capture, generator=seeded(1), **call)
    assert not np.array_equal(plain.output.images, golden.output.images)
    assert np.array_equal(forced.output.images, golden.output.images)
    draws = {event.index for event in golden.trace.events if event.name == "noise.randn_tensor"}
    assert changed(golden, forced) == {"noise.randn_tensor.noise": draws}


def test_a_changed_scheduler_step_shows_at_every_step_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = record(tmp_path, runs.ddim(), **DDIM)
    original = DDIMScheduler.step

    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        output = original(self, *args, **kwargs)
        output.prev_sample = output.prev_sample + 0.25
        return output

    monkeypatch.setattr(DDIMScheduler, "step", step)
    forced = record(tmp_path, runs.ddim(), forced=golden.capture, **DDIM)
    assert changed(golden, forced) == {"scheduler.step.prev_sample": {0, 1, 2}}
    for index in range(STEPS):
        its, own = (run.kept(run.event("scheduler.step", index))["prev_sample"] for run in (golden, forced))
        assert np.array_equal(own, its + np.float32(0.25))
    assert np.array_equal(forced.output.images, golden.output.images)


def test_a_changed_network_shows_at_every_call_and_the_goldens_output_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = runs.stable_diffusion()
    golden = record(tmp_path, pipeline, **DIFFUSION)
    unet = copy.deepcopy(pipeline.unet)
    unet.conv_out.bias.data += 0.5
    monkeypatch.setattr(pipeline, "unet", unet)
    forced = record(tmp_path, pipeline, forced=golden.capture, **DIFFUSION)
    calls = set(range(golden.names.count("unet.forward")))
    assert changed(golden, forced) == {"unet.forward.0": calls}
    assert np.array_equal(forced.output.images, golden.output.images)


def test_what_the_pipeline_does_between_two_events_shows_in_the_input_of_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = record(tmp_path, runs.stable_diffusion(), **DIFFUSION, guidance_scale=7.5)
    forced = record(
        tmp_path, runs.stable_diffusion(), forced=golden.capture, **DIFFUSION, guidance_scale=7.499
    )
    calls = set(range(golden.names.count("scheduler.step")))
    assert changed(golden, forced) == {"scheduler.step>model_output": calls}
    distances = [
        golden.trace.distance(one.inputs[0], forced.trace, other.inputs[0])
        for one, other in ((run.event("scheduler.step", 1) for run in (golden, forced)),)
    ]
    assert 1e-6 < distances[0] < 1e-3


def test_another_schedule_shows_in_set_timesteps_and_the_goldens_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = record(tmp_path, runs.ddim(), **DDIM)
    original = DDIMScheduler.set_timesteps

    def set_timesteps(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.timesteps = (self.timesteps - 1).clamp(min=0)

    monkeypatch.setattr(DDIMScheduler, "set_timesteps", set_timesteps)
    forced = record(tmp_path, runs.ddim(), forced=golden.capture, **DDIM)
    assert changed(golden, forced) == {"scheduler.set_timesteps.timesteps": {0}}
    assert np.array_equal(forced.output.images, golden.output.images)


def test_what_has_another_shape_or_is_not_in_the_golden_is_left_as_it_is(tmp_path: Path) -> None:
    golden = record(tmp_path, runs.ddim(), **DDIM)
    for call in ({"batch_size": 2, **DDIM}, {**DDIM, "num_inference_steps": STEPS + 1}):
        forced = record(tmp_path, runs.ddim(), forced=golden.capture, **call)
        assert len(forced.output.images) == call.get("batch_size", 1)
    free = record(tmp_path, runs.ddim(), batch_size=2, **DDIM)
    forced = record(tmp_path, runs.ddim(), forced=golden.capture, batch_size=2, **DDIM)
    assert np.array_equal(forced.output.images, free.output.images)


def test_a_golden_that_keeps_no_tensors_changes_nothing(tmp_path: Path) -> None:
    golden = record(tmp_path, runs.ddim(), level=TraceLevel.COMPONENTS, **DDIM)
    forced = record(tmp_path, runs.ddim(), forced=golden.capture, generator=seeded(1), **DDIM)
    free = record(tmp_path, runs.ddim(), generator=seeded(1), **DDIM)
    assert np.array_equal(forced.output.images, free.output.images)


def test_a_golden_without_a_trace_is_refused(tmp_path: Path) -> None:
    path = written_file(tmp_path)
    with TensorFile(path) as file, pytest.raises(UnreadableGolden, match="has no trace to replay; restore"):
        Replay(file)
    with pytest.raises(UnreadableGolden):
        record(tmp_path, runs.ddim(), forced=path, **DDIM)


# Small pipelines of one call


class InPlace(Digits):
    """Fills a tensor that it holds with noise."""

    def __call__(self, generator: Any = None) -> Any:
        held = torch.zeros(2, 3)
        part = held[:1]
        held.normal_(generator=generator)
        return torch.cat([held, part])


class Gradient(Digits):
    """Differentiates through its network, as guided pipelines do."""

    def __call__(self, generator: Any = None) -> Any:
        with torch.enable_grad():
            sample = torch.randn(1, 1, 16, 16, generator=generator).requires_grad_()
            loss = self.unet(sample, 3).sample.square().sum()
            [gradient] = torch.autograd.grad(loss, sample)
        return gradient


class Passing(Digits):
    """Hands its scheduler noise twice and returns what it was handed itself."""

    def __call__(self, generator: Any = None) -> Any:
        self.scheduler.set_timesteps(4)
        noise = torch.randn(1, 2, generator=generator)
        first = self.scheduler.step(noise, self.scheduler.timesteps[0], noise, generator=generator)
        return torch.cat([noise, first.prev_sample])


@pytest.mark.parametrize("kind", [InPlace, Gradient, Passing], ids=lambda kind: kind.__name__)
def test_small_pipelines_replay(tmp_path: Path, kind: type[Digits]) -> None:
    pipeline = kind(runs.ddim().unet, DDPMScheduler())
    golden = record(tmp_path, pipeline)
    again = record(tmp_path, pipeline, forced=golden.capture)
    assert torch.equal(again.output, golden.output)
    forced = record(tmp_path, pipeline, forced=golden.capture, generator=seeded(1))
    assert torch.equal(forced.output, golden.output)
    assert any(name.startswith("noise.") for name in changed(golden, forced))


def test_a_callers_tensors_are_not_written_to(tmp_path: Path) -> None:
    latents = torch.randn(1, 4, 8, 8, generator=seeded(3))
    golden = record(tmp_path, runs.stable_diffusion(), latents=latents, **DIFFUSION)
    other = torch.randn(1, 4, 8, 8, generator=seeded(4))
    before = other.clone()
    forced = record(tmp_path, runs.stable_diffusion(), forced=golden.capture, latents=other, **DIFFUSION)
    assert torch.equal(other, before)
    assert np.array_equal(forced.output.images, golden.output.images)
    assert {"pipeline.__call__>latents", "scheduler.scale_model_input>sample"} <= changed(
        golden, forced
    ).keys()


def test_a_draw_by_another_function_gets_the_goldens_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an upgrade that draws by torch's own function what diffusers' drew before."""

    other = seeded(9)

    def drawn(shape: Any, device: Any = None, dtype: Any = None, **_: Any) -> Any:
        return torch.randn(shape, generator=other, device=device, dtype=dtype)

    call: dict[str, Any] = {"num_inference_steps": STEPS, "output_type": "np"}
    golden = record(tmp_path, runs.ddpm(), **call)
    monkeypatch.setattr("diffusers.pipelines.ddpm.pipeline_ddpm.randn_tensor", drawn)
    monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", drawn)
    forced = record(tmp_path, runs.ddpm(), forced=golden.capture, **call)
    assert {name for name in forced.names if name.startswith("noise.")} == {"noise.randn"}
    # What the pipeline itself made of the first draw, before anything else was fed.
    first, now = (run.event("unet.forward") for run in (golden, forced))
    assert first.signature.inputs[0].name == "sample"
    assert golden.trace.same(first.inputs[0], forced.trace, now.inputs[0])
    assert any(name == "noise.randn_tensor" for name in golden.names)
