"""A pipeline is put back to what it was when it was loaded."""

from __future__ import annotations

import torch
from diffusers import DDIMScheduler, DiffusionPipeline

from harness.worker.loading.pristine import Pristine, holders, to_eval_mode


class Part(DiffusionPipeline):
    def __init__(self, net: torch.nn.Module, scheduler: DDIMScheduler) -> None:
        super().__init__()
        self.net, self.scheduler = net, scheduler
        self.register_to_config()

    @property
    def components(self) -> dict[str, object]:
        return {"net": self.net, "scheduler": self.scheduler}


class Whole(Part):
    def __init__(self, part: Part) -> None:
        super().__init__(part.net, part.scheduler)
        self.part = part


def made() -> Whole:
    return Whole(Part(torch.nn.Dropout().eval(), DDIMScheduler()))


def test_a_pipeline_and_those_it_is_made_of_hold_the_parts() -> None:
    whole = made()
    assert list(holders(whole)) == [whole, whole.part]


def test_attributes_that_were_set_replaced_or_deleted_come_back() -> None:
    whole = made()
    net, pristine = whole.net, Pristine.of(whole)
    whole.left_behind = 1
    whole.net = None
    del whole.part.net
    pristine.restore()
    assert not hasattr(whole, "left_behind")
    assert whole.net is whole.part.net is net


def test_a_schedulers_state_comes_back_in_the_same_object_every_time() -> None:
    whole = made()
    scheduler, pristine = whole.scheduler, Pristine.of(whole)
    first = float(scheduler.alphas_cumprod[0])
    for _ in range(2):
        scheduler.set_timesteps(3)
        scheduler.alphas_cumprod[0] = -1.0
        scheduler.eta = 5
        pristine.restore()
        assert whole.scheduler is whole.part.scheduler is scheduler
        assert float(scheduler.alphas_cumprod[0]) == first
        assert len(scheduler.timesteps) == 1000
        assert not hasattr(scheduler, "eta")


def test_train_mode_is_ended_and_told_for_parts_of_parts_too() -> None:
    whole = made()
    assert to_eval_mode(whole) == ()
    whole.net = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout()).eval()
    whole.net[1].train()
    assert to_eval_mode(whole) == ("net was loaded in train mode and switched to eval mode",)
    assert not whole.net[1].training
