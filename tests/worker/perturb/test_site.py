"""What changes a pipeline for one run acts on that pipeline alone, counts what it did, and undoes all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMPipeline, UNet2DModel
from torch import nn

from harness.worker.perturb import site as module
from harness.worker.perturb.site import Site, weights


def pipeline() -> DDPMPipeline:
    network = UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(4,),
        norm_num_groups=2,
        add_attention=False,
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
    )
    return DDPMPipeline(network, DDIMScheduler())


PIPELINE = pipeline()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as one:
        yield one


def site(stack: ExitStack, strength: float | None = None, seed: int = 0, owner: Any = PIPELINE) -> Site:
    return Site(owner, stack, strength, seed)


def test_parts_by_their_own_names(stack: ExitStack) -> None:
    here = site(stack)
    assert [part.name for part in here.networks()] == ["unet"]
    assert [part.name for part in here.schedulers()] == ["scheduler"]
    assert {"unet", "scheduler"} <= {part.name for part in here.parts()}


def test_the_size_is_the_strength_and_has_to_be_given(stack: ExitStack) -> None:
    assert site(stack, 0.0).size == 0.0
    with pytest.raises(ValueError, match="has no strength"):
        _ = site(stack).size


def test_random_numbers_are_the_seeds_own_and_no_draw_of_the_run(stack: ExitStack) -> None:
    state = torch.get_rng_state()
    one, other = (site(stack, seed=seed).random_like(torch.empty(40, 50)) for seed in (1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(site(stack, seed=1).random_like(torch.empty(40, 50)), one)
    assert not torch.equal(one, other)
    assert (one.shape, one.dtype) == ((40, 50), torch.float32)
    assert -1 <= one.min() < -0.99
    assert 0.99 < one.max() < 1
    assert abs(one.mean()) < 0.05


def test_more_random_numbers_than_the_pool_has(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = torch.arange(5.0)
    monkeypatch.setattr(module, "_POOLED", 5)
    monkeypatch.setattr(module, "_pool", lambda: pool)
    found = site(stack, seed=3).random_like(torch.empty(13))
    start = int(found[0])
    assert found.tolist() == [(start + place) % 5 for place in range(13)]


def test_a_method_of_this_part_alone_is_wrapped_and_unwrapped() -> None:
    other = DDIMScheduler()
    sample = torch.ones(1)
    with ExitStack() as stack:
        here = site(stack)
        (part,) = here.schedulers()
        here.wrap(part, "scale_model_input", lambda call: call.proceed() + 1)
        assert PIPELINE.scheduler.scale_model_input(sample).item() == 2
        assert other.scale_model_input(sample).item() == 1
    assert PIPELINE.scheduler.scale_model_input(sample).item() == 1


def test_a_network_and_a_module_inside_it_are_wrapped_and_unwrapped() -> None:
    unet, sample = PIPELINE.unet, torch.zeros(1, 1, 8, 8)
    calls = list[str]()

    def heard(name: str) -> Any:
        return lambda call: (calls.append(name), call.proceed())[1]

    with ExitStack() as stack, torch.no_grad():
        here = site(stack)
        (part,) = here.networks()
        here.wrap(part, "forward", heard("network"))
        here.wrap_module(unet.conv_in, heard("module"))
        unet(sample, 1)
    with torch.no_grad():
        unet(sample, 1)
    assert calls == ["network", "module"]


def test_only_the_outer_one_of_nested_draws_is_handed_over() -> None:
    heard = list[str]()

    def draw(name: str, original: Any, args: Any, kwargs: Any) -> Any:
        heard.append(name)
        return torch.randn(3) * 0 + 7 if name == "rand" else original(*args, **kwargs)

    with ExitStack() as stack:
        site(stack).wrap_outer_draws(draw)
        assert torch.rand(3).tolist() == [7, 7, 7]
        torch.randn(3)
    torch.rand(3)
    assert heard == ["rand", "randn"]


def test_the_call_of_this_pipeline_alone_is_wrapped() -> None:
    class Own(DDPMPipeline):
        def __call__(self) -> str:
            return "called"

    one, other = (Own(PIPELINE.unet, PIPELINE.scheduler) for _ in range(2))
    with ExitStack() as stack:
        site(stack, owner=one).wrap_pipeline(lambda call: f"{call.proceed()} and changed")
        assert (one(), other()) == ("called and changed", "called")
    assert one() == "called"


def test_a_function_is_stood_in_for_only_inside_the_method() -> None:
    holder = SimpleNamespace(twice=lambda x: 2 * x)
    scheduler = PIPELINE.scheduler

    class Scheduler(DDIMScheduler):
        def scale_model_input(self, sample: torch.Tensor, timestep: int | None = None) -> torch.Tensor:
            if timestep == 0:
                raise RuntimeError("on purpose")
            return holder.twice(sample)

    with ExitStack() as stack:
        PIPELINE.scheduler = Scheduler()
        stack.callback(setattr, PIPELINE, "scheduler", scheduler)
        here = site(stack)
        here.within(here.schedulers(), "scale_model_input", holder, "twice", lambda own, x: own(x) + 1)
        assert PIPELINE.scheduler.scale_model_input(torch.ones(1)).item() == 3
        assert holder.twice(1) == 2
        with pytest.raises(RuntimeError, match="on purpose"):
            PIPELINE.scheduler.scale_model_input(torch.ones(1), 0)
        assert holder.twice(1) == 2, "an exception leaves the method too"
        assert here.acted == 0
    assert holder.twice(1) == 2


def test_floating_tensors_anywhere_in_a_value_are_changed_and_counted(stack: ExitStack) -> None:
    here = site(stack)
    ids = torch.ones(2, dtype=torch.int64)
    found = here.changed({"a": [torch.ones(2), ids], "b": (torch.ones(1), "text")}, lambda one: one * 3)
    assert found["a"][0].tolist() == [3, 3]
    assert found["a"][1] is ids
    assert (found["b"][0].item(), found["b"][1]) == (3, "text")
    assert here.acted == 2


def test_attributes_functions_and_weights_are_put_back() -> None:
    class Base:
        name = "inherited"

    class Holder(Base):
        pass

    thing, layer = SimpleNamespace(value=1), nn.Linear(2, 2)
    before = layer.weight.detach().clone()
    with ExitStack() as stack:
        here = site(stack)
        here.set(thing, "value", 2)
        here.edit(layer.weight, lambda tensor: tensor + 1)
        here.replace(Holder, "name", "own")
        assert (thing.value, Holder.name, here.acted) == (2, "own", 2)
        assert torch.equal(layer.weight, before + 1)
    assert (thing.value, Holder.name) == (1, "inherited")
    assert "name" not in vars(Holder)
    assert torch.equal(layer.weight, before)


def test_shared_weights_come_once_and_whole_numbers_never() -> None:
    network = nn.ModuleDict({"one": nn.Linear(1, 1, bias=False), "two": nn.Linear(1, 1, bias=False)})
    network["two"].weight = network["one"].weight
    network.register_parameter("ids", nn.Parameter(torch.ones(1, dtype=torch.int64), requires_grad=False))
    assert [name for name, _ in weights(network)] == ["one.weight"]
