"""A recorded run: its events in order, with their parents; no bit of the output changes, nothing stays behind."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, EulerDiscreteScheduler

from harness.core.trace import TraceLevel
from harness.worker.trace.session import recording
from tests.worker.fakes import Digits
from tests.worker.trace import runs
from tests.worker.trace.runs import PROMPT, called, record

STEP = ["unet.forward", "scheduler.step"]


def digits(kind: type[Digits], scheduler: Any = None) -> Any:
    return kind(runs.ddim().unet, scheduler or runs.ddim().scheduler)


# The order of events


def test_the_events_of_a_ddim(tmp_path: Path) -> None:
    run = record(tmp_path, runs.ddim(), level=TraceLevel.COMPONENTS, num_inference_steps=2, output_type="np")
    start = ["pipeline.__call__", "noise.randn_tensor", "scheduler.set_timesteps"]
    assert run.names == [*start, *STEP, *STEP, "pipeline.output"]
    assert [event.index for event in run.trace.events if event.name == "unet.forward"] == [0, 1]
    assert all(event.parent is None for event in run.trace.events)
    step = run.event("scheduler.step", 1)
    assert [slot.name for slot in step.signature.inputs] == ["model_output", "timestep", "sample"]
    assert [slot.name for slot in step.signature.outputs] == ["prev_sample", "pred_original_sample"]
    assert step.values.items() >= {"eta": 0.0, "in:timestep": 0}.items()
    assert run.event("pipeline.__call__").values == {"num_inference_steps": 2, "output_type": "np"}


def test_the_events_of_a_stable_diffusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = runs.stable_diffusion()
    monkeypatch.setattr(pipeline, "scheduler", DDIMScheduler.from_config(pipeline.scheduler.config))
    run = record(tmp_path, pipeline, prompt=PROMPT, num_inference_steps=2, output_type="np")
    text = ["tokenizer.__call__", "tokenizer.__call__", "text_encoder.forward"]
    step = ["scheduler.scale_model_input", *STEP]
    assert run.names == [
        "pipeline.__call__",
        *text,
        "tokenizer.__call__",
        "text_encoder.forward",
        "scheduler.set_timesteps",
        "noise.randn_tensor",
        *step,
        *step,
        "vae.decode",
        "image_processor.postprocess",
        "pipeline.output",
    ]
    assert run.trace.class_of("scheduler").endswith(".DDIMScheduler")
    ids = run.event("text_encoder.forward").values["in:input_ids"]
    assert ids == run.event("tokenizer.__call__").values["out:input_ids"]
    assert ids == [pipeline.tokenizer(PROMPT, padding="max_length", max_length=16).input_ids]


def test_every_scheduler_of_unclip_under_its_own_name(tmp_path: Path) -> None:
    steps = {f"{stage}_num_inference_steps": 2 for stage in ("prior", "decoder", "super_res")}
    run = record(tmp_path, runs.unclip(), level=TraceLevel.COMPONENTS, prompt=PROMPT, **steps)
    schedulers = [name for name in run.names if "scheduler" in name]
    assert schedulers == [
        f"{stage}_scheduler.{method}"
        for stage in ("prior", "decoder", "super_res")
        for method in ("set_timesteps", "step", "step")
    ]
    draws = [event for event in run.trace.events if event.name == "noise.randn_tensor"]
    assert [run.parent(draw) for draw in draws] == [
        None,
        "prior_scheduler.step",
        None,
        "decoder_scheduler.step",
        None,
        "super_res_scheduler.step",
    ]


def test_noise_inside_a_scheduler_step_has_the_step_as_its_parent(tmp_path: Path) -> None:
    run = record(tmp_path, digits(Stepping, DDPMScheduler(num_train_timesteps=20)), steps=3)
    draws = [event for event in run.trace.events if event.name == "noise.randn_tensor"]
    parents = [run.trace.events[draw.parent] for draw in draws if draw.parent is not None]
    assert [parent.key for parent in parents] == [("scheduler.step", 0), ("scheduler.step", 1)]


@pytest.mark.parametrize(
    ("scheduler", "slots"),
    [(DDIMScheduler(), ["timesteps"]), (EulerDiscreteScheduler(), ["timesteps", "sigmas"])],
    ids=["ddim", "euler"],
)
def test_set_timesteps_gives_what_the_scheduler_then_holds(
    tmp_path: Path, scheduler: Any, slots: list[str]
) -> None:
    run = record(tmp_path, digits(Stepping, scheduler), steps=3)
    event = run.event("scheduler.set_timesteps")
    assert [slot.name for slot in event.signature.outputs] == slots
    kept = run.kept(event)
    for name in slots:
        assert np.array_equal(kept[name], getattr(scheduler, name).numpy())
    assert event.values["num_inference_steps"] == 3


# What pipelines do with their schedulers


class Stepping(Digits):
    """Denoises a small picture without a network."""

    def __call__(self, steps: int, generator: torch.Generator | None = None) -> Any:
        self.scheduler.set_timesteps(steps)
        sample = torch.ones(1, 2)
        for timestep in self.scheduler.timesteps:
            sample = self.scheduler.step(sample * 0.5, timestep, sample, generator=generator).prev_sample
        return sample


class Copying(Digits):
    """Works with copies of its scheduler, and looks at its type."""

    def __call__(self, generator: torch.Generator | None = None) -> Any:
        assert type(self.scheduler) is DDIMScheduler
        twins = copy.deepcopy(self.scheduler), copy.copy(self.scheduler)
        for number, twin in enumerate(twins):
            twin.set_timesteps(2 + number)
            twin.step(torch.ones(1), twin.timesteps[0], torch.ones(1))
        self.kept = twins[0]
        return torch.tensor([len(twin.timesteps) for twin in twins])


def test_copies_of_a_scheduler_have_their_own_state_and_are_recorded(tmp_path: Path) -> None:
    pipeline = digits(Copying, DDIMScheduler())
    run = record(tmp_path, pipeline)
    assert run.output.tolist() == [2, 3]
    assert run.names[1:-1] == [
        "DDIMScheduler.copy.set_timesteps",
        "DDIMScheduler.copy.step",
        "DDIMScheduler.copy1.set_timesteps",
        "DDIMScheduler.copy1.step",
    ]
    pipeline.kept.step(torch.ones(1), 1, torch.ones(1))  # outlives the run and is no longer listened to
    assert len(record(tmp_path, pipeline).names) == len(run.names)


class Remembering(Digits):
    """Leaves a method of its scheduler behind, taken while the run was recorded."""

    def __call__(self, generator: Any = None) -> Any:
        self.remembered = self.scheduler.scale_model_input
        return self.remembered(torch.ones(2), 3)


def test_a_method_taken_during_the_run_is_not_listened_to_after_it(tmp_path: Path) -> None:
    pipeline = digits(Remembering)
    with recording(pipeline, TraceLevel.COMPONENTS, tmp_path / "spool", None) as session:
        pipeline()
    assert pipeline.remembered(torch.ones(2), 3).tolist() == [1.0, 1.0]
    recorded = session.finish()
    assert recorded is not None
    assert [signature.name for signature in recorded.index.signatures] == ["scheduler.scale_model_input"]
    assert len(recorded.order) == 1


# Noise


class Drawing(Digits):
    """Draws in every way."""

    def __call__(self, generator: Any = None) -> Any:
        from diffusers.utils.torch_utils import randn_tensor

        generators = [runs.seeded(seed) for seed in (1, 2)]
        drawn = [
            randn_tensor((2, 3), generator=generator),
            randn_tensor((2, 3), generator=generators),
            torch.rand(1, 3),
            torch.zeros(1, 3).normal_(generator=generator),
        ]
        return torch.cat(drawn)


def test_every_draw_is_one_event_with_its_numbers_and_generator(tmp_path: Path) -> None:
    run = record(tmp_path, digits(Drawing), meanwhile=lambda: torch.manual_seed(5))
    draws = [event for event in run.trace.events if event.name.startswith("noise.")]
    assert [draw.name for draw in draws] == [
        "noise.randn_tensor",
        "noise.randn_tensor",
        "noise.rand",
        "noise.normal_",
    ]
    assert [draw.values["generator"] for draw in draws] == ["cpu", "cpu", "global", "cpu"]
    assert [slot.name for draw in draws for slot in draw.signature.outputs] == ["noise"] * 4
    assert np.array_equal(np.concatenate([run.kept(draw)["noise"] for draw in draws]), run.output.numpy())
    assert all(draw.values["before"] != draw.values["after"] for draw in draws)
    assert draws[0].values["after"] == draws[3].values["before"]
    expected = torch.randn(2, 3, generator=runs.seeded())
    assert np.array_equal(run.kept(draws[0])["noise"], expected.numpy())


class OneMore(Stepping):
    """Draws once more than it needs to."""

    def __call__(self, steps: int, generator: torch.Generator | None = None) -> Any:
        torch.randn(1, generator=generator)
        return super().__call__(steps, generator)


def test_an_additional_draw_is_an_event_more(tmp_path: Path) -> None:
    counts = []
    for kind in (Stepping, OneMore):
        run = record(tmp_path, digits(kind, DDPMScheduler(num_train_timesteps=20)), steps=3)
        counts.append(sum(name.startswith("noise.") for name in run.names))
    assert counts == [2, 3]


# Levels


def test_a_layer_made_without_data_is_no_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = runs.ddim()
    original = type(pipeline).__call__

    def with_a_layer(self: Any, *args: Any, **kwargs: Any) -> Any:
        torch.nn.Linear(2, 2, device="meta")
        return original(self, *args, **kwargs)

    plain = record(tmp_path, pipeline, num_inference_steps=1, output_type="np").names
    monkeypatch.setattr(type(pipeline), "__call__", with_a_layer)
    assert record(tmp_path, pipeline, num_inference_steps=1, output_type="np").names == plain


def test_which_modules_are_recorded_depends_on_the_level(tmp_path: Path) -> None:
    modules = {path for path, _ in runs.ddim().unet.named_modules() if path}
    counts = []
    for level in (TraceLevel.COMPONENTS, TraceLevel.FULL, TraceLevel.MODULES):
        run = record(tmp_path, runs.ddim(), level=level, num_inference_steps=2, output_type="np")
        inner = [event for event in run.trace.events if event.signature.module]
        counts.append(len(inner))
        assert {event.signature.module for event in inner} <= modules
        assert run.trace.index.level is level
    assert counts[1] > len(modules) / 2
    assert counts == [0, counts[1], 2 * counts[1]]


def test_a_module_happens_inside_the_one_that_calls_it(tmp_path: Path) -> None:
    run = record(tmp_path, runs.ddim(), num_inference_steps=1, output_type="np")
    conv = run.event("unet.down_blocks.0.resnets.0.conv1.forward")
    assert run.parent(conv) == "unet.down_blocks.0.resnets.0.forward"
    assert run.parent(run.event("unet.down_blocks.0.resnets.0.forward")) == "unet.down_blocks.0.forward"
    assert run.parent(run.event("unet.conv_in.forward")) == "unet.forward"
    silu, norm = run.event("unet.conv_act.forward"), run.event("unet.conv_norm_out.forward")
    assert run.trace.same(norm.outputs[0], run.trace, silu.inputs[0])


def test_only_the_full_level_keeps_the_tensors_of_components(tmp_path: Path) -> None:
    for level in (TraceLevel.COMPONENTS, TraceLevel.FULL, TraceLevel.MODULES):
        run = record(tmp_path, runs.ddim(), level=level, num_inference_steps=1, output_type="np")
        for event in run.trace.events:
            expected = level is TraceLevel.FULL and event.signature.module is None
            tensors = [value is not None for value in run.kept(event).values()]
            assert expected or not any(tensors) or event.signature.module
            assert all(tensors) or not expected
    assert len(list(tmp_path.glob("spool"))) == 1


def test_kept_tensors_are_those_that_flowed(tmp_path: Path) -> None:
    run = record(tmp_path, runs.ddim(), num_inference_steps=1, output_type="np")
    noise = torch.randn(1, 1, 16, 16, generator=runs.seeded())
    with torch.no_grad():
        predicted = runs.ddim().unet(noise, run.event("unet.forward").values["in:timestep"]).sample
    step = run.kept(run.event("scheduler.step"))
    assert np.array_equal(step["sample"], noise.numpy())
    assert np.array_equal(step["model_output"], predicted.numpy())
    assert np.array_equal(run.kept(run.event("pipeline.output"))["images"], run.output.images)


def test_without_a_trace_nothing_is_listened_to(tmp_path: Path) -> None:
    pipeline, before = runs.ddim(), state(runs.ddim())
    with recording(pipeline, TraceLevel.NONE, tmp_path / "spool", None) as session:
        assert state(pipeline) == before
        session.inputs({})
        session.output(None)
    assert session.finish() is None
    assert not list(tmp_path.iterdir())


# Networks that are more than their class


def test_a_network_with_a_forward_of_its_own_as_offloading_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unet = runs.ddim().unet
    expected = called(runs.ddim(), num_inference_steps=2, output_type="np").images

    def offloading(*args: Any, **kwargs: Any) -> Any:
        return type(unet).forward(unet, *args, **kwargs)

    monkeypatch.setitem(vars(unet), "forward", offloading)
    run = record(tmp_path, runs.ddim(), num_inference_steps=2, output_type="np")
    assert vars(unet)["forward"] is offloading
    assert np.array_equal(run.output.images, expected)
    assert [slot.name for slot in run.event("unet.forward", 1).signature.inputs] == ["sample", "timestep"]


@pytest.mark.parametrize("how", ["compile", "torch.compile"])
def test_what_was_compiled_still_works_and_is_not_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    pipeline, unet = runs.ddim(), copy.deepcopy(runs.ddim().unet)
    graphs: list[Any] = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    if how == "compile":
        unet.compile(backend=backend)
    monkeypatch.setattr(pipeline, "unet", unet if how == "compile" else torch.compile(unet, backend=backend))
    expected = called(pipeline, num_inference_steps=2, output_type="np").images
    compiled = len(graphs)
    run = record(tmp_path, pipeline, level=TraceLevel.MODULES, num_inference_steps=2, output_type="np")
    assert np.array_equal(run.output.images, expected)
    assert len(graphs) == compiled
    assert run.names.count("unet.forward") == 2
    assert len(run.names) == len(run.trace.events)
    assert [slot.name for slot in run.event("unet.forward").signature.inputs] == ["sample", "timestep"]
    torch._dynamo.reset()


# Nothing stays behind


def state(pipeline: Any) -> dict[str, Any]:
    """The attributes of everything that a recording touches, by name; values by identity."""
    networks = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    objects = [*pipeline.components.values(), *(module for net in networks for module in net.modules())]
    kinds = {kind for thing in objects if thing is not None for kind in type(thing).__mro__}
    found = {f"{number}": keys(thing) for number, thing in enumerate(objects) if hasattr(thing, "__dict__")}
    found |= {f"{kind.__module__}.{kind.__qualname__}": identities(vars(kind)) for kind in kinds}
    found |= {"torch": identities(vars(torch)), "Tensor": identities(vars(torch.Tensor))}
    found["randn_tensor"] = {
        name: id(vars(module).get("randn_tensor"))
        for name, module in sys.modules.items()
        if isinstance(module, ModuleType) and "randn_tensor" in vars(module)
    }
    return found


def keys(thing: object) -> set[str]:
    return set(vars(thing))


def identities(attributes: Any) -> dict[str, int]:
    return {name: id(value) for name, value in attributes.items() if not name.startswith(("__", "_abc"))}


class Raising(Digits):
    """Calls its parts, then raises."""

    def __call__(self, generator: torch.Generator | None = None) -> Any:
        self.unet(torch.randn(1, 1, 16, 16, generator=generator), 3)
        raise ValueError("on purpose")


@pytest.mark.parametrize("level", [TraceLevel.COMPONENTS, TraceLevel.FULL, TraceLevel.MODULES])
def test_nothing_stays_behind(tmp_path: Path, level: TraceLevel) -> None:
    pipeline = runs.ddim()
    called(pipeline, num_inference_steps=1, output_type="np")
    before = state(pipeline)
    record(tmp_path, pipeline, level=level, num_inference_steps=1, output_type="np")
    assert state(pipeline) == before


def test_nothing_stays_behind_of_a_pipeline_with_tokenizer_and_processor(tmp_path: Path) -> None:
    call = {"prompt": PROMPT, "num_inference_steps": 1, "output_type": "np"}
    pipeline = runs.stable_diffusion()
    called(pipeline, **call)
    before = state(pipeline)
    record(tmp_path, pipeline, **call)
    assert state(pipeline) == before


@pytest.mark.parametrize("level", [TraceLevel.COMPONENTS, TraceLevel.FULL, TraceLevel.MODULES])
def test_nothing_stays_behind_when_the_pipeline_raises(tmp_path: Path, level: TraceLevel) -> None:
    pipeline = digits(Raising)
    before = state(pipeline)
    with pytest.raises(ValueError, match="on purpose"):
        record(tmp_path, pipeline, level=level)
    assert state(pipeline) == before


def test_the_state_that_is_compared_shows_a_listener() -> None:
    pipeline = runs.ddim()
    before = state(pipeline)
    with recording(pipeline, TraceLevel.COMPONENTS, Path("unused"), None):
        during = state(pipeline)
    changed = {name for name in before if before[name] != during[name]}
    assert {"torch", "Tensor", "randn_tensor"} < changed
    assert any("scheduling_ddim" in name for name in changed)
