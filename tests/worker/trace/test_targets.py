"""Listened to is what belongs to the pipeline, under the pipeline's own names, and what computes something."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import ConfigMixin, DDIMScheduler, DDPMScheduler, ModelMixin
from diffusers.image_processor import VaeImageProcessor

from harness.worker.trace.targets import Target, targets
from tests.worker.fakes import Combined, Digits, TwoSchedulers
from tests.worker.trace import runs


def named(pipeline: Any) -> dict[str, Target]:
    return {target.name: target for target in targets(pipeline)}


def test_every_component_and_the_image_processor_of_stable_diffusion() -> None:
    found = named(runs.stable_diffusion())
    assert found.keys() == {"vae", "text_encoder", "tokenizer", "unet", "scheduler", "image_processor"}
    assert found["scheduler"].owner is runs.stable_diffusion().scheduler
    assert {"forward", "encode", "decode"} <= set(found["vae"].methods)
    assert "forward" in found["text_encoder"].methods
    assert "__call__" in found["tokenizer"].methods
    assert {"preprocess", "postprocess"} <= set(found["image_processor"].methods)


@pytest.mark.parametrize("scheduler", [DDIMScheduler(), DDPMScheduler()], ids=lambda it: type(it).__name__)
def test_of_a_scheduler_what_the_pipeline_calls_and_no_housekeeping(scheduler: Any) -> None:
    found = named(TwoSchedulers(scheduler, scheduler.from_config(scheduler.config)))
    assert found.keys() == {"first", "second"}
    for target in found.values():
        assert {"step", "set_timesteps", "scale_model_input", "add_noise"} <= set(target.methods)
        assert not {name for name in target.methods if hasattr(ConfigMixin, name) or name.startswith("_")}


def test_of_a_network_no_housekeeping() -> None:
    for target in targets(runs.unclip()):
        if isinstance(target.owner, ModelMixin):
            assert "forward" in target.methods
            assert not {name for name in target.methods if hasattr(ModelMixin, name) and name != "forward"}
            assert not set(target.methods) & set(vars(torch.nn.Module)) - {"forward"}


def test_every_scheduler_of_unclip() -> None:
    assert {"prior_scheduler", "decoder_scheduler", "super_res_scheduler"} <= named(runs.unclip()).keys()


def test_parts_of_the_pipelines_inside_once_under_the_first_name() -> None:
    combined = Combined(runs.ddim().unet, runs.ddim().scheduler)
    found = named(combined)
    assert [type(target.owner).__name__ for target in found.values()].count("UNet2DModel") == 1
    assert {"unet", "scheduler", "copying_pipe.scheduler"} == found.keys()
    assert found["copying_pipe.scheduler"].owner is combined.copying_pipe.scheduler


def test_several_in_a_list_and_none_at_all() -> None:
    class Holding(Digits):
        @property
        def components(self) -> dict[str, Any]:
            return {
                "nets": (torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)),
                "absent": None,
                "names": ["a", "b"],
            }

    assert [target.name for target in targets(object.__new__(Holding))] == ["nets.0", "nets.1"]


def test_a_processor_of_ones_own_kept_beside_the_components() -> None:
    pipeline = Digits(runs.ddim().unet, runs.ddim().scheduler)
    pipeline.mask_processor = VaeImageProcessor()
    pipeline.note = "text"
    assert named(pipeline).keys() == {"unet", "scheduler", "mask_processor"}


def test_a_network_of_any_kind_has_its_forward() -> None:
    pipeline = Digits(runs.ddim().unet, runs.ddim().scheduler)
    pipeline.extra = torch.nn.Linear(1, 1)
    assert named(pipeline)["extra"].methods == ("forward",)
