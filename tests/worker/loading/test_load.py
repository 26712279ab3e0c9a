"""A pipeline is loaded once, handed out as if fresh, and a case that asks for what it lacks is told so."""

from __future__ import annotations

import gc
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMScheduler, DiffusionPipeline

from harness import zoo
from harness.core.case import ModelSpec, SchedulerSpec
from harness.worker.loading.load import PipelineCache
from harness.worker.model_files import hub
from harness.worker.model_files.hub_errors import ModelUnavailable
from harness.worker.rejection import Rejection
from tests.core.samples import case
from tests.worker import fakes

CPU = torch.device("cpu")
DIGITS = "builtin:ddpm-digits"


@pytest.fixture(scope="module")
def shared() -> PipelineCache:
    """A cache on which the tests that follow find the digits loaded by the first of them."""
    return PipelineCache()


def taken(cache: PipelineCache, **changes: Any) -> DiffusionPipeline:
    return cache.take(case(**changes), CPU)[0].pipeline


def fresh(**changes: Any) -> DiffusionPipeline:
    return taken(PipelineCache(), **changes)


def scheduled(cache: PipelineCache, **options: Any) -> DiffusionPipeline:
    return taken(cache, scheduler=SchedulerSpec(options.pop("class_name", None), options))


# Where models come from


@pytest.mark.parametrize("pipeline", ["DDIMPipeline", "auto"])
def test_a_builtin_model_is_loaded_ready_to_run(pipeline: str) -> None:
    loaded, seconds = PipelineCache().take(case(pipeline=pipeline), CPU)
    assert type(loaded.pipeline) is DDIMPipeline
    assert loaded.pipeline.unet.dtype is torch.float32
    assert not any(module.training for module in loaded.pipeline.unet.modules())
    assert seconds > 0
    assert loaded.warnings == ()


def test_the_dtype_is_the_cases() -> None:
    assert fresh(model=ModelSpec(DIGITS, dtype="bfloat16")).unet.dtype is torch.bfloat16


def test_a_folder_is_relative_to_the_config(tmp_path: Path) -> None:
    shutil.copytree(zoo.model_dir("ddpm-digits"), tmp_path / "models" / "mine")
    (tmp_path / "configs").mkdir()
    pipeline = fresh(base=str(tmp_path / "configs"), model=ModelSpec("../models/mine"))
    assert Path(pipeline.config._name_or_path) == tmp_path / "models" / "mine"


def test_a_hub_model_that_is_out_of_reach_is_unavailable_with_the_reason() -> None:
    with pytest.raises(
        ModelUnavailable, match=r"^harness-tests/no-such-model: HF_HUB_OFFLINE is set.*unset it"
    ):
        fresh(model=ModelSpec("harness-tests/no-such-model"))


def test_a_download_that_breaks_in_its_own_code_is_no_unavailable_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fetch(*args: object, **kwargs: object) -> None:
        raise AttributeError("'NoneType' object has no attribute 'siblings'")

    monkeypatch.setattr(hub, "fetch", fetch)
    with pytest.raises(AttributeError, match="siblings"):
        fresh(model=ModelSpec("harness-tests/no-such-model"))


def test_a_pipeline_class_that_this_diffusers_lacks_is_rejected() -> None:
    with pytest.raises(Rejection, match=r"^pipeline = 'OldPipeline': diffusers [\d.]+ has no such class"):
        fresh(pipeline="OldPipeline")


# Overrides for from_pretrained


@pytest.mark.usefixtures("_fakes")
def test_a_component_can_be_replaced() -> None:
    assert fresh(pipeline="Digits", model=ModelSpec(DIGITS, components={"scheduler": None})).scheduler is None


def test_a_loading_option_is_taken() -> None:
    assert fresh(model=ModelSpec(DIGITS, components={"low_cpu_mem_usage": False})).unet is not None


def test_a_component_that_the_pipeline_lacks_is_rejected_naming_those_it_has() -> None:
    # diffusers would ignore it with no more than a line in the log.
    with pytest.raises(
        Rejection, match=r"^model\.components\.safety_checker = None: accepted: unet, scheduler, "
    ):
        fresh(model=ModelSpec(DIGITS, components={"safety_checker": None}))


# Kept, and handed out as if fresh


def test_the_same_model_is_not_loaded_again() -> None:
    cache = PipelineCache()
    first, _ = cache.take(case(), CPU)
    again, seconds = cache.take(case(id="another", seed=1, steps=3, call={"eta": 1.0}), CPU)
    assert again.pipeline is first.pipeline
    assert seconds == 0


@pytest.mark.parametrize(
    "changes",
    [{"pipeline": "DDPMPipeline"}, {"base": "/elsewhere"}, {"model": ModelSpec(DIGITS, dtype="float16")}],
    ids=lambda changes: next(iter(changes)),
)
def test_another_model_is_loaded_anew(changes: dict[str, Any]) -> None:
    cache = PipelineCache()
    first = taken(cache)
    assert taken(cache, **changes) is not first


def test_the_old_pipeline_is_let_go_before_the_new_one_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = PipelineCache()
    unet = weakref.ref(taken(cache).unet)
    load, alive = DDIMPipeline.from_pretrained.__func__, []  # type: ignore[attr-defined]

    def from_pretrained(cls: type, *args: Any, **kwargs: Any) -> Any:
        gc.collect()
        alive.append(unet() is not None)
        return load(cls, *args, **kwargs)

    monkeypatch.setattr(DDIMPipeline, "from_pretrained", classmethod(from_pretrained))
    taken(cache, base="/elsewhere")
    assert alive == [False]


def test_attributes_that_a_run_sets_replaces_or_deletes_are_undone(shared: PipelineCache) -> None:
    pipeline = taken(shared)
    before = dict(vars(pipeline))
    pipeline._guidance_scale = 7.5
    pipeline.unet = None
    pipeline.set_progress_bar_config(disable=True)
    del pipeline.scheduler
    again = taken(shared)
    assert again is pipeline
    assert vars(again) == before


def test_the_schedulers_state_is_undone_in_the_same_object(shared: PipelineCache) -> None:
    pipeline = taken(shared)
    scheduler, timesteps = pipeline.scheduler, pipeline.scheduler.timesteps.tolist()
    scheduler.set_timesteps(3)
    scheduler.alphas_cumprod[0] = 0.0
    scheduler.left_behind = True
    scheduler.register_to_config(clip_sample=False)
    again = taken(shared).scheduler
    assert again is scheduler
    assert again.timesteps.tolist() == timesteps
    assert (again.num_inference_steps, again.config.clip_sample) == (None, True)
    assert again.alphas_cumprod[0] == DDIMScheduler.from_config(again.config).alphas_cumprod[0]
    assert not hasattr(again, "left_behind")


def test_the_state_is_undone_more_than_once(shared: PipelineCache) -> None:
    for _ in range(3):
        scheduler = taken(shared).scheduler
        assert scheduler.alphas_cumprod[0] > 0.5
        scheduler.alphas_cumprod[0] = 0.0


def test_train_mode_that_a_run_leaves_behind_is_undone(shared: PipelineCache) -> None:
    taken(shared).unet.train()
    assert not any(module.training for module in taken(shared).unet.modules())


@pytest.mark.usefixtures("_fakes")
def test_train_mode_after_loading_is_ended_and_reported_to_every_case() -> None:
    cache = PipelineCache()
    for _ in range(2):
        loaded, _ = cache.take(case(pipeline="Training"), CPU)
        assert not any(module.training for module in loaded.pipeline.unet.modules())
        assert loaded.warnings == ("unet was loaded in train mode and switched to eval mode",)


# Schedulers


def test_a_scheduler_class_is_made_from_the_models_config(shared: PipelineCache) -> None:
    scheduler = scheduled(shared, class_name="DDPMScheduler", clip_sample=False).scheduler
    assert type(scheduler) is DDPMScheduler
    own = DDIMScheduler.from_pretrained(zoo.model_dir("ddpm-digits"), subfolder="scheduler").config
    assert scheduler.config.beta_end == own.beta_end
    assert (scheduler.config.clip_sample, own.clip_sample) == (False, True)


def test_options_without_a_class_keep_the_models_own(shared: PipelineCache) -> None:
    scheduler = scheduled(shared, steps_offset=1).scheduler
    assert type(scheduler) is DDIMScheduler
    assert scheduler.config.steps_offset == 1


def test_a_scheduler_does_not_leak_into_the_next_case(shared: PipelineCache) -> None:
    own = taken(shared).scheduler
    assert scheduled(shared, class_name="DDPMScheduler").scheduler is not own
    assert scheduled(shared, steps_offset=1).scheduler.config.clip_sample is True
    after = taken(shared)
    assert after.scheduler is own
    assert after.scheduler.config.steps_offset == 0
    assert after.config.scheduler == ("diffusers", "DDIMScheduler")


def test_each_case_gets_a_scheduler_of_its_own(shared: PipelineCache) -> None:
    first = scheduled(shared, steps_offset=1).scheduler
    first.set_timesteps(7)
    assert scheduled(shared, steps_offset=1).scheduler is not first


@pytest.mark.usefixtures("_fakes")
def test_a_pipeline_inside_a_pipeline_is_reset_and_scheduled_too() -> None:
    cache = PipelineCache()
    pipeline = taken(cache, pipeline="Combined")
    own = pipeline.scheduler
    pipeline.inner_pipe._guidance_scale = 7.5
    pipeline.copying_pipe.scheduler.set_timesteps(3)
    other = taken(cache, pipeline="Combined", scheduler=SchedulerSpec("DDPMScheduler"))
    assert other.inner_pipe.scheduler is other.scheduler
    assert type(other.scheduler) is DDPMScheduler
    assert not hasattr(other.inner_pipe, "_guidance_scale")
    assert len(other.copying_pipe.scheduler.timesteps) == 1000
    after = taken(cache, pipeline="Combined")
    assert after.scheduler is own
    assert after.inner_pipe.scheduler is own


def test_an_unknown_option_is_rejected_naming_what_the_scheduler_takes(shared: PipelineCache) -> None:
    with pytest.raises(Rejection) as rejected:
        scheduled(shared, step_offset=1)
    assert str(rejected.value).startswith(
        "scheduler.step_offset = 1: DDIMScheduler takes: num_train_timesteps, "
    )
    assert "steps_offset" in str(rejected.value)


def test_an_option_of_another_class_is_rejected(shared: PipelineCache) -> None:
    assert scheduled(shared, variance_type="fixed_large", class_name="DDPMScheduler").scheduler is not None
    with pytest.raises(Rejection, match=r"^scheduler\.variance_type = 'fixed_large': DDIMScheduler takes"):
        scheduled(shared, variance_type="fixed_large")


@pytest.mark.parametrize("name", ["OldScheduler", "__version__"])
def test_a_scheduler_class_that_this_diffusers_lacks_is_rejected(shared: PipelineCache, name: str) -> None:
    with pytest.raises(Rejection, match=rf"^scheduler\.class = '{name}': diffusers [\d.]+ has no such class"):
        scheduled(shared, class_name=name)


@pytest.mark.usefixtures("_fakes")
def test_with_several_schedulers_none_is_guessed(tmp_path: Path) -> None:
    fakes.TwoSchedulers(DDIMScheduler(), DDIMScheduler()).save_pretrained(tmp_path)
    with pytest.raises(
        Rejection, match=r"^scheduler = 'DDPMScheduler': the pipeline has first, second; leave it out"
    ):
        fresh(
            pipeline="TwoSchedulers", model=ModelSpec(str(tmp_path)), scheduler=SchedulerSpec("DDPMScheduler")
        )
