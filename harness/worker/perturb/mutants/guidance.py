"""Faults of guidance: how the pipeline's own code combines the denoiser's two predictions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from harness.worker.perturb.locate import denoisers, is_floating, rebind, schedulers
from harness.worker.perturb.site import NotApplicable, Plant, Site
from harness.worker.trace.hooks import Call

_CONDITIONS = ("encoder_hidden_states", "proj_embedding", "class_labels", "added_cond_kwargs")


@dataclass(slots=True)
class _Halves:
    """The denoiser's last unconditional and conditional predictions."""

    plain: torch.Tensor
    conditional: torch.Tensor


Guide = Callable[[_Halves, torch.Tensor, int, int], torch.Tensor | None]
"""Returns a replacement or None, given the two predictions, the guided one, the step and the number of steps."""


def _scale(site: Site) -> None:
    """Increase every guidance scale above 1, since guidance is on there."""

    def larger(call: Call) -> Any:
        for name, value in _scales(call).items():
            call.kwargs[name] = value * (1 + site.size)
            site.act()
        return call.proceed()

    _require_guidance(site)
    site.wrap_pipeline(larger)


def _late_scale(site: Site) -> None:
    def guide(halves: _Halves, guided: torch.Tensor, step: int, steps: int) -> torch.Tensor | None:
        return None if step < steps // 2 else guided + site.size * (guided - halves.plain)

    _guided_otherwise(site, guide)


def _swapped(site: Site) -> None:
    def exchange(tensor: torch.Tensor) -> torch.Tensor:
        return torch.cat(tensor.chunk(2)[::-1])

    _on_pairs(site, lambda result: site.changed(result, exchange))


def _rescaled(site: Site) -> None:
    """Section 3.4 of Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps are Flawed"."""

    def guide(halves: _Halves, guided: torch.Tensor, _step: int, _steps: int) -> torch.Tensor:
        dims = tuple(range(1, guided.dim()))
        factor = halves.conditional.std(dim=dims, keepdim=True) / guided.std(dim=dims, keepdim=True)
        return guided * (1 - site.size + site.size * factor)

    _guided_otherwise(site, guide)


def _off_once(site: Site) -> None:
    def guide(halves: _Halves, _guided: torch.Tensor, step: int, steps: int) -> torch.Tensor | None:
        return halves.conditional if step == min(1, steps - 1) else None

    _guided_otherwise(site, guide)


INSIDE: Mapping[str, Plant] = {}

BETWEEN: Mapping[str, Plant] = {
    "guidance.scale": _scale,
    "guidance.late_scale": _late_scale,
    "guidance.swapped": _swapped,
    "guidance.rescaled": _rescaled,
    "guidance.off_once": _off_once,
}


def _require_guidance(site: Site) -> None:
    if not any(
        "guidance_scale" in name for name in inspect.signature(type(site.pipeline).__call__).parameters
    ):
        raise NotApplicable("the pipeline takes no guidance scale")


def _scales(call: Call) -> dict[str, float]:
    """The guidance scales in effect, by argument, whether given or by default."""
    known = inspect.signature(type(call.owner).__call__).parameters
    found = {
        name: call.kwargs.get(name, known[name].default) for name in known if name.endswith("guidance_scale")
    }
    return {
        name: float(value) for name, value in found.items() if isinstance(value, int | float) and value > 1
    }


def _on_pairs(site: Site, change: Callable[[Any], Any]) -> None:
    """Replace a denoiser's output for a pair of unconditional and conditional inputs by `change` of it."""
    guiding = False

    def called(call: Call) -> Any:
        nonlocal guiding
        guiding = bool(_scales(call))
        return call.proceed()

    def predicted(call: Call) -> Any:
        paired = guiding and _is_pair(call)
        result = call.proceed()
        return change(result) if paired else result

    _require_guidance(site)
    site.wrap_pipeline(called)
    for part in denoisers(site):
        site.wrap(part, "forward", predicted)


def _is_pair(call: Call) -> bool:
    """Whether it is a conditional call with an even batch."""
    conditional, batch = False, 1

    def look(name: str, value: Any) -> Any:
        nonlocal conditional, batch
        conditional |= name in _CONDITIONS and value is not None
        if is_floating(value) and value.dim() > 1:
            batch = max(batch, len(value))
        return value

    rebind(call, look)
    return conditional and batch % 2 == 0


def _guided_otherwise(site: Site, guide: Guide) -> None:
    """Pass the scheduler another guided prediction than the pipeline's."""
    held: list[_Halves] = []
    steps: dict[int, int] = {}

    def keep(result: Any) -> Any:
        tensor = next((one for one in _tensors(result) if one.is_floating_point()), None)
        if tensor is not None:
            plain, conditional = tensor.chunk(2)
            held[:] = [_Halves(plain, conditional)]
        return result

    def step(call: Call) -> Any:
        number = steps[id(call.owner)] = steps.get(id(call.owner), -1) + 1
        rebind(call, lambda name, value: exchange(name, value, number, _step_count(call.owner)))
        held.clear()
        return call.proceed()

    def exchange(name: str, value: Any, number: int, count: int) -> Any:
        if name != "model_output" or not held or not is_floating(value):
            return value
        halves = held[0]
        if halves.plain.dim() != value.dim() or len(halves.plain) != len(value):
            return value
        # Pipelines take a learned variance unchanged from the conditional half, or drop it.
        channels = min(value.shape[1], halves.plain.shape[1])
        narrow = _Halves(halves.plain[:, :channels], halves.conditional[:, :channels])
        other = guide(narrow, value[:, :channels], number, count)
        if other is None:
            return value
        site.act()
        return torch.cat([other, value[:, channels:]], dim=1)

    _on_pairs(site, keep)
    for part in schedulers(site, lambda one: hasattr(one, "step"), "a step"):
        site.wrap(part, "step", step)


def _tensors(result: Any) -> list[torch.Tensor]:
    values = result if isinstance(result, tuple) else list(vars(result).values())
    return [value for value in values if isinstance(value, torch.Tensor)]


def _step_count(scheduler: Any) -> int:
    return len(scheduler.timesteps)
