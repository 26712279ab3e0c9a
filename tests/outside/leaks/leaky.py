"""A pipeline of a user's own that leaves behind what its call tells it to, after the pictures are made."""

from __future__ import annotations

import copy
import functools
import itertools
import types
from typing import Any

import numpy as np
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMScheduler, UNet2DModel

SEEN: list[int] = []
COUNT = 0

COUNTING = ("tick", "counted", "default")
"""What is left by those that count their calls where nobody looks."""


@functools.lru_cache
def shift(step: int) -> float:
    """Something that is remembered."""
    return 0.0 * step


def remembered(value: int, before: list[int] = []) -> int:  # noqa: B006
    """How often it was called, kept where nobody looks."""
    before.append(value)
    return len(before)


def counter() -> Any:
    """A function with a number of its own."""
    calls = 0

    def count() -> int:
        nonlocal calls
        calls += 1
        return calls

    return count


class Leaky(DDIMPipeline):
    """Gives the pictures of DDIMPipeline, moved by everything it can remember of earlier calls."""

    calls = 0

    def __init__(self, unet: UNet2DModel, scheduler: DDIMScheduler) -> None:
        super().__init__(unet, scheduler)
        self.net.table = {"list": [0], "array": np.zeros(3), "tensor": torch.zeros(3), "set": set()}
        self.net.generator = torch.Generator()
        self.net.ticks = itertools.count()
        self.net.count = counter()
        self.net.register_buffer("moved", torch.zeros(3))

    @property
    def net(self) -> Any:
        """The network, for what is done to it."""
        return self.unet

    def __call__(self, leaves: str = "nothing", **keywords: Any) -> Any:
        """`leaves` is the name of a method below."""
        output = super().__call__(**keywords)
        output.images = output.images + self.memory(leaves)
        getattr(self, f"leave_{leaves}")()
        return output

    def memory(self, leaves: str) -> float:
        """A number that is another one where something is left of an earlier call."""
        table = self.net.table
        kept = (
            table["list"][0]
            + len(table)
            + len(table["set"])
            + table["array"].sum()
            + float(table["tensor"].sum())
        )
        drawn = float(torch.rand(1, generator=self.net.generator))
        own = COUNT + len(SEEN) + type(self).calls + shift.cache_info().currsize
        counts = leaves in COUNTING and next(self.net.ticks) + self.net.count() + remembered(1)
        return float(kept + drawn + own + counts + self.net.moved.sum())

    def leave_nothing(self) -> None:
        """Leave nothing."""

    def leave_attribute(self) -> None:
        self.net.config_of_mine = 1
        self.net.table["new"] = 1

    def leave_item(self) -> None:
        self.net.table["list"][0] = 7

    def leave_member(self) -> None:
        self.net.table["set"].add(1)

    def leave_array(self) -> None:
        self.net.table["array"][1] = 5

    def leave_tensor(self) -> None:
        self.net.table["tensor"].data[1] = 5

    def leave_buffer(self) -> None:
        self.net.moved.numpy()[1] = 5

    def leave_drawn(self) -> None:
        torch.rand(1, generator=self.net.generator)

    def leave_tick(self) -> None:
        next(self.net.ticks)

    def leave_counted(self) -> None:
        self.net.count()

    def leave_default(self) -> None:
        remembered(2)

    def leave_module_global(self) -> None:
        global COUNT
        COUNT += 1

    def leave_module_list(self) -> None:
        SEEN.append(1)

    def leave_class_attribute(self) -> None:
        type(self).calls += 1

    def leave_cached(self) -> None:
        shift(3)

    def leave_own_method(self) -> None:
        type(self).memory = lambda self, leaves: 9.0

    def leave_weight_in_place(self) -> None:
        self.net.conv_in.weight.data.mul_(1.5)

    def leave_one_weight(self) -> None:
        self.net.conv_out.weight.data.view(-1)[7] += 3

    def leave_weight_through_numpy(self) -> None:
        weight = max(self.net.parameters(), key=torch.numel)
        weight.detach().numpy().reshape(-1)[weight.numel() // 5] += 9

    def leave_weights_swapped(self) -> None:
        first = self.net.conv_in.weight.data
        first.copy_(first.flip(0).clone())

    def leave_weight_replaced(self) -> None:
        self.net.conv_in.weight = torch.nn.Parameter(self.net.conv_in.weight * 2)

    def leave_weight_data_replaced(self) -> None:
        self.net.conv_in.weight.data = self.net.conv_in.weight.data * 2

    def leave_half(self) -> None:
        self.net.half().float()

    def leave_double(self) -> None:
        self.net.double()

    def leave_gradients(self) -> None:
        self.net.requires_grad_(not self.net.conv_in.weight.requires_grad)

    def leave_train(self) -> None:
        self.net.train()
        self.net.mid_block.resnets[0].dropout = torch.nn.Dropout(0.5)

    def leave_forward(self) -> None:
        original = self.net.forward
        self.net.forward = lambda *args, **kwargs: original(*args, **kwargs)[0] * 0

    def leave_hook(self) -> None:
        self.net.conv_in.register_forward_hook(lambda module, args, output: output * 2)

    def leave_hook_before(self) -> None:
        self.net.conv_in.register_forward_pre_hook(lambda module, args: (args[0] * 2,))

    def leave_module(self) -> None:
        self.net.conv_act = torch.nn.Identity()

    def leave_module_list_shortened(self) -> None:
        self.net.down_blocks = torch.nn.ModuleList(list(self.net.down_blocks))
        self.net.conv_out.bias = None

    def leave_processor(self) -> None:
        for module in self.net.modules():
            if hasattr(module, "processor"):
                module.processor = copy.deepcopy(module.processor)
        self.net.conv_norm_out.eps = 0.5

    def leave_class_of_a_module(self) -> None:
        class Doubled(type(self.net.conv_in)):
            def forward(self, value: torch.Tensor) -> torch.Tensor:
                return super().forward(value) * 2

        self.net.conv_in.__class__ = Doubled

    def leave_number(self) -> None:
        self.net.conv_norm_out.eps = 0.5

    def leave_config(self) -> None:
        self.net.register_to_config(center_input_sample=True)

    def leave_scheduler_class(self) -> None:
        self.scheduler.__class__ = DDPMScheduler

    def leave_scheduler_state(self) -> None:
        self.scheduler.alphas_cumprod.mul_(0.5)
        self.scheduler.step = types.MethodType(lambda self, *args, **kwargs: None, self.scheduler)

    def leave_scheduler_config(self) -> None:
        self.scheduler.register_to_config(prediction_type="v_prediction", clip_sample=False)

    def leave_part(self) -> None:
        self.register_modules(unet=None)
        self.scheduler = None


KINDS = tuple(name.removeprefix("leave_") for name in vars(Leaky) if name.startswith("leave_"))
"""Every kind of thing that can be left."""
