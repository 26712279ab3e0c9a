"""The object that a perturbation acts on: the pipeline's parts, and changes that undo themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from diffusers import DiffusionPipeline, SchedulerMixin

from harness.worker.trace import hooks, noise
from harness.worker.trace.targets import Target, targets
from harness.worker.trace.tree import exchanged

_rand, _randint = torch.rand, torch.randint
"""The original functions, since the recorder must not see a perturbation's own draws as draws of the run."""

_POOLED = 2**20 - 3  # a prime number of elements, so that no tensor size meets the same ones again


class NotApplicable(Exception):
    """The pipeline lacks the part that this perturbation acts on; the message says which."""


Change = Callable[[torch.Tensor], torch.Tensor]


@dataclass(slots=True)
class Site:
    """One run of one pipeline, whose changes last until `stack` closes.

    `strength` and `seed` are the perturbation's; `acted` counts how often it was triggered.
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

    @property
    def size(self) -> float:
        """The strength of the perturbation; raises ValueError if it has none."""
        if self.strength is None:
            raise ValueError("the perturbation has no strength; give one")
        return self.strength

    def act(self) -> None:
        """Count one more change."""
        self.acted += 1

    def random_like(self, tensor: torch.Tensor) -> torch.Tensor:
        """Float32 numbers uniform in [-1, 1), on the tensor's device.

        They are slices of a pool that is drawn once; the perturbation's own generator chooses the offset. Drawing
        again for every activation would take longer than the run.
        """
        count = tensor.numel()
        start = int(_randint(0, _POOLED, (1,), generator=self._random).item())
        pool = _pool()
        if start + count > len(pool):
            pool = pool.repeat(2 + count // len(pool))
        return pool[start : start + count].reshape(tensor.shape).to(tensor.device)

    def wrap(self, part: Target, method: str, listener: hooks.Listener) -> None:
        """Pass every call of a method of the part to `listener`."""
        own = self._own(part.owner, listener)
        if isinstance(part.owner, torch.nn.Module):
            hooks.on_network(part.owner, [method], own, self.stack)
        else:
            hooks.on_class(type(part.owner), [method], own, self.stack)

    def wrap_module(self, module: torch.nn.Module, listener: hooks.Listener) -> None:
        """Pass every call of a module inside a network to `listener`."""
        hooks.on_module(module, listener, self.stack)

    def wrap_draws(self, draw: noise.Draw) -> None:
        """Pass every draw of random numbers to `draw`."""
        noise.listen_to_draws(draw, self.stack)

    def wrap_outer_draws(self, draw: noise.Draw) -> None:
        """Pass every draw to `draw`, except those made by another draw."""
        drawing = False

        def outer(name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            nonlocal drawing
            if drawing:
                return original(*args, **kwargs)
            drawing = True
            try:
                return draw(name, original, args, kwargs)
            finally:
                drawing = False

        self.wrap_draws(outer)

    def wrap_pipeline(self, listener: hooks.Listener) -> None:
        """Pass the pipeline's own call to `listener`."""
        own = self._own(self.pipeline, listener)
        hooks.on_class(type(self.pipeline), ["__call__"], own, self.stack)

    def within(
        self, parts: Iterable[Target], method: str, holder: Any, name: str, stand_in: Callable[..., Any]
    ) -> None:
        """While one of the parts is in `method`, call `stand_in` in place of the function `holder.name`.

        Its arguments are the function itself and the function's arguments.
        """
        original, inside = getattr(holder, name), 0

        def listener(call: hooks.Call) -> Any:
            nonlocal inside
            inside += 1
            try:
                return call.proceed()
            finally:
                inside -= 1

        def function(*args: Any, **kwargs: Any) -> Any:
            return stand_in(original, *args, **kwargs) if inside else original(*args, **kwargs)

        for part in parts:
            self.wrap(part, method, listener)
        self.replace(holder, name, function)

    def changed(self, value: Any, change: Change) -> Any:
        """`value` with every floating-point tensor in it changed."""

        def exchange(_name: str, tensor: torch.Tensor) -> torch.Tensor | None:
            if not tensor.is_floating_point():
                return None
            self.act()
            return change(tensor)

        return exchanged("", value, exchange)

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute until the run ends."""
        before = getattr(owner, name)
        setattr(owner, name, value)
        self.stack.callback(setattr, owner, name, before)
        self.act()

    def replace(self, holder: Any, name: str, value: Any) -> None:
        """Replace a function of a module or class until the run ends; does not count as a change."""
        own = vars(holder).get(name)
        setattr(holder, name, value)
        # A class may inherit it from one in C.
        self.stack.callback(delattr, holder, name) if own is None else self.stack.callback(
            setattr, holder, name, own
        )

    def edit(self, tensor: torch.Tensor, change: Change) -> None:
        """Change a weight in place until the run ends."""
        with torch.no_grad():
            before = tensor.detach().clone()
            self.stack.callback(_restore, tensor, before)
            tensor.copy_(change(before))
        self.act()

    @staticmethod
    def _own(owner: object, listener: hooks.Listener) -> hooks.Listener:
        """Only for this object; other instances of its class stay unchanged."""

        def only(call: hooks.Call) -> Any:
            return listener(call) if call.owner is owner else call.proceed()

        return only


@cache
def _pool() -> torch.Tensor:
    """Float32 numbers uniform in [-1, 1)."""
    return _rand(_POOLED, generator=torch.Generator().manual_seed(0), dtype=torch.float32) * 2 - 1


def weights(network: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The floating-point parameters of a network by name, shared ones once."""
    seen: set[int] = set()
    for name, parameter in network.named_parameters():
        if id(parameter) not in seen and parameter.is_floating_point():
            seen.add(id(parameter))
            yield name, parameter


def _restore(tensor: torch.Tensor, before: torch.Tensor) -> None:
    with torch.no_grad():
        tensor.copy_(before)


Plant = Callable[[Site], None]
"""Plants one perturbation in a run; raises NotApplicable if the pipeline has no place for it."""
