"""Find the places for faults in a pipeline: its parts by role, and the layers inside a network."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from harness.worker.perturb.site import NotApplicable, Site
from harness.worker.trace.hooks import Call
from harness.worker.trace.targets import Target

T = TypeVar("T")

_TIME = ("timestep", "timesteps", "t")

_BLOCK = re.compile(r"ResnetBlock|ResBlock|TransformerBlock|Layer$")

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def denoisers(site: Site) -> tuple[Target, ...]:
    """The networks that are called with a timestep; raises NotApplicable if there are none."""
    found = [part for part in site.networks() if set(_TIME) & set(parameters(part.owner, "forward"))]
    return required(found, "no network that takes a timestep")


def main_denoiser(site: Site) -> Target:
    """The denoiser with the most weights."""
    return max(denoisers(site), key=lambda part: sum(one.numel() for one in network(part).parameters()))


def text_encoders(site: Site) -> tuple[Target, ...]:
    """The networks that are called with token ids; raises NotApplicable if there are none."""
    found = [part for part in site.networks() if "input_ids" in parameters(part.owner, "forward")]
    return required(found, "no network that takes token ids")


def tokenizers(site: Site) -> tuple[Target, ...]:
    """The parts that return token ids; raises NotApplicable if there are none."""
    found = [part for part in site.parts() if "Tokenizer" in type(part.owner).__name__]
    return required(found, "no tokenizer")


def autoencoders(site: Site) -> tuple[Target, ...]:
    """The networks that decode latents; raises NotApplicable if there are none."""
    found = [part for part in site.networks() if "decode" in part.methods]
    return required(found, "no network that decodes latents")


def schedulers(site: Site, fits: Callable[[Any], bool], what: str) -> tuple[Target, ...]:
    """The schedulers that fit; raises NotApplicable, saying that none has `what`."""
    found = [part for part in site.schedulers() if fits(part.owner)]
    return required(found, f"no scheduler has {what}")


def network(part: Target) -> nn.Module:
    """The part, typed as a network."""
    assert isinstance(part.owner, nn.Module)
    return part.owner


def blocks(part: Target, *, same_shape: bool = False) -> tuple[nn.Module, ...]:
    """The residual and transformer blocks of a network, in order; raises NotApplicable if there are none.

    `same_shape` excludes blocks whose output shape differs from their input's.
    """
    found = [module for module in network(part).modules() if _BLOCK.search(type(module).__name__)]
    fitting = [module for module in found if not same_shape or _keeps_shape(module)]
    return required(fitting, f"{part.name} has no such block")


def norms(module: nn.Module) -> tuple[nn.Module, ...]:
    """The normalisation layers inside, in order; raises NotApplicable if there are none."""
    found = [one for one in module.modules() if "Norm" in type(one).__name__ and not list(one.children())]
    return required(found, "no normalisation")


def layers(part: Target) -> tuple[nn.Module, ...]:
    """The linear layers and convolutions of a network whose weights are loaded."""
    found = [
        one for one in network(part).modules() if isinstance(one, _LAYERS) and one.weight.is_floating_point()
    ]
    return required(
        [one for one in found if not one.weight.is_meta], f"{part.name} has no layer with weights"
    )


def middle(several: Sequence[T]) -> T:
    """The middle item."""
    return several[len(several) // 2]


def required(found: Iterable[T], missing: str) -> tuple[T, ...]:
    """The found items; raises NotApplicable if there are none."""
    several = tuple(found)
    if not several:
        raise NotApplicable(missing)
    return several


def parameters(owner: object, method: str) -> tuple[str, ...]:
    """The names of the parameters of a method of the owner's class, without self."""
    function = getattr(type(owner), method, None)
    return tuple(inspect.signature(function).parameters)[1:] if function else ()


def rebind(call: Call, change: Callable[[str, Any], Any]) -> None:
    """Replace every argument by `change` of its name and value."""
    names = parameters(call.owner, call.method)
    call.args = tuple(
        change(names[place] if place < len(names) else str(place), value)
        for place, value in enumerate(call.args)
    )
    call.kwargs = {name: change(name, value) for name, value in call.kwargs.items()}


def rebound(call: Call, change: Callable[[str, Any], Any]) -> Any:
    """The result of the call with every argument replaced by `change` of it."""
    rebind(call, change)
    return call.proceed()


def first_argument(call: Call, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Replace the first argument by `change` of it, if it is a floating-point tensor."""
    names = parameters(call.owner, call.method)
    rebind(call, lambda name, value: change(value) if name == names[0] and is_floating(value) else value)


def input_of(call: Call) -> torch.Tensor | None:
    """The first tensor among the arguments."""
    values = (*call.args, *call.kwargs.values())
    return next((value for value in values if isinstance(value, torch.Tensor)), None)


def like(result: Any, tensor: torch.Tensor) -> Any:
    """A module's result with its first tensor replaced by `tensor`."""
    return (tensor, *result[1:]) if isinstance(result, tuple) else tensor


def is_floating(value: object) -> bool:
    """Whether it is a floating-point tensor."""
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _keeps_shape(module: nn.Module) -> bool:
    if getattr(module, "up", False) or getattr(module, "down", False):
        return False
    return getattr(module, "in_channels", None) == getattr(module, "out_channels", None)
