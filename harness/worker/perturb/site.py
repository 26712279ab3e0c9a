"""What a perturbation is given to act on: the pipeline's parts, and ways to change them that undo themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import DiffusionPipeline, SchedulerMixin

from harness.worker.trace import hooks, noise
from harness.worker.trace.targets import Target, targets
from harness.worker.trace.tree import exchanged


class NotApplicable(Exception):
    """The pipeline has no part that this perturbation acts on; the message says which."""


Change = Callable[[torch.Tensor], torch.Tensor]


@dataclass(slots=True)
class Site:
    """One run of one pipeline, to be changed until `stack` closes.

    `strength` and `seed` are the perturbation's; `acted` counts how often it did something.
    """

    pipeline: DiffusionPipeline
    stack: ExitStack
    strength: float | None
    seed: int
    acted: int = 0
    _random: torch.Generator = field(default_factory=torch.Generator)

    def __post_init__(self) -> None:
        self._random.manual_seed(self.seed)

    def parts(self) -> tuple[Target, ...]:
        """The pipeline's components and processors by the pipeline's own names."""
        return tuple(targets(self.pipeline))

    def networks(self) -> tuple[Target, ...]:
        """The parts that are networks."""
        return tuple(part for part in self.parts() if isinstance(part.owner, torch.nn.Module))

    def schedulers(self) -> tuple[Target, ...]:
        """The parts that are schedulers."""
        return tuple(part for part in self.parts() if isinstance(part.owner, SchedulerMixin))

    def act(self) -> None:
        """Count one more time that something was changed."""
        self.acted += 1

    def random_like(self, tensor: torch.Tensor) -> torch.Tensor:
        """Float32 numbers uniform in [-1, 1) from the perturbation's own generator, on the tensor's device."""
        numbers = torch.rand(tensor.shape, generator=self._random, dtype=torch.float32)
        return (numbers * 2 - 1).to(tensor.device)

    def wrap(self, part: Target, method: str, listener: hooks.Listener) -> None:
        """Hand every call of a method of the part to `listener`."""
        own = self._own(part.owner, listener)
        if isinstance(part.owner, torch.nn.Module):
            hooks.on_network(part.owner, [method], own, self.stack)
        else:
            hooks.on_class(type(part.owner), [method], own, self.stack)

    def wrap_module(self, module: torch.nn.Module, listener: hooks.Listener) -> None:
        """Hand every call of a module inside a network to `listener`."""
        hooks.on_module(module, listener, self.stack)

    def wrap_draws(self, draw: noise.Draw) -> None:
        """Hand every draw of random numbers to `draw`."""
        noise.listen_to_draws(draw, self.stack)

    def results(self, part: Target, method: str, change: Change) -> None:
        """Put `change` of every floating tensor that the method returns in its place."""

        def listener(call: hooks.Call) -> Any:
            return self.changed(call.proceed(), change)

        self.wrap(part, method, listener)

    def changed(self, value: Any, change: Change) -> Any:
        """`value` with every floating tensor in it changed."""

        def exchange(_name: str, tensor: torch.Tensor) -> torch.Tensor | None:
            if not tensor.is_floating_point():
                return None
            self.act()
            return change(tensor)

        return exchanged("", value, exchange)

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute until the run is over."""
        before = getattr(owner, name)
        setattr(owner, name, value)
        self.stack.callback(setattr, owner, name, before)
        self.act()

    def edit(self, tensor: torch.Tensor, change: Change) -> None:
        """Change a weight in place until the run is over."""
        with torch.no_grad():
            before = tensor.detach().clone()
            self.stack.callback(_restore, tensor, before)
            tensor.copy_(change(before))
        self.act()

    @staticmethod
    def _own(owner: object, listener: hooks.Listener) -> hooks.Listener:
        """Only for this object: other instances of a class are left alone."""

        def only(call: hooks.Call) -> Any:
            return listener(call) if call.owner is owner else call.proceed()

        return only


def weights(network: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The floating parameters of a network by name, those that are shared once."""
    seen: set[int] = set()
    for name, parameter in network.named_parameters():
        if id(parameter) not in seen and parameter.is_floating_point():
            seen.add(id(parameter))
            yield name, parameter


def _restore(tensor: torch.Tensor, before: torch.Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(before)
