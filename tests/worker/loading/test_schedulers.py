"""A case's scheduler takes the place of the model's own, wherever that is held."""

from __future__ import annotations

import pytest
from diffusers import DDIMPipeline, DDIMScheduler, EulerDiscreteScheduler, UNet2DModel

from harness.core.case import SchedulerSpec
from harness.worker.loading.schedulers import put_scheduler
from harness.worker.rejection import Rejection


@pytest.fixture
def pipeline() -> DDIMPipeline:
    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8,),
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        norm_num_groups=2,
    )
    return DDIMPipeline(unet, DDIMScheduler(beta_end=0.0123))


def test_without_a_spec_the_models_own_stays(pipeline: DDIMPipeline) -> None:
    own = pipeline.scheduler
    put_scheduler(pipeline, None)
    assert pipeline.scheduler is own


def test_another_class_takes_over_the_config_and_the_options(pipeline: DDIMPipeline) -> None:
    put_scheduler(pipeline, SchedulerSpec("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}))
    assert type(pipeline.scheduler) is EulerDiscreteScheduler
    assert pipeline.scheduler.config.beta_end == 0.0123
    assert pipeline.scheduler.config.timestep_spacing == "trailing"


def test_every_place_that_held_the_old_one_gets_the_new_one(pipeline: DDIMPipeline) -> None:
    pipeline.also, pipeline.other = pipeline.scheduler, DDIMScheduler()
    other = pipeline.other
    put_scheduler(pipeline, SchedulerSpec(None, {"clip_sample": False}))
    assert pipeline.also is pipeline.scheduler
    assert pipeline.scheduler.config.clip_sample is False
    assert pipeline.other is other


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            SchedulerSpec("NoSuchScheduler"),
            r"^scheduler\.class = 'NoSuchScheduler': diffusers .* has no such",
        ),
        (
            SchedulerSpec(None, {"clip": 1}),
            r"^scheduler\.clip = 1: DDIMScheduler takes: num_train_timesteps, ",
        ),
    ],
)
def test_what_there_is_not_is_refused(pipeline: DDIMPipeline, spec: SchedulerSpec, message: str) -> None:
    with pytest.raises(Rejection, match=message):
        put_scheduler(pipeline, spec)


def test_a_pipeline_without_a_scheduler_has_none_to_replace(pipeline: DDIMPipeline) -> None:
    pipeline.scheduler = None
    with pytest.raises(Rejection, match="the pipeline has no scheduler; leave it out"):
        put_scheduler(pipeline, SchedulerSpec("DDIMScheduler"))
