"""Faults of schedulers, and of the values that schedulers and denoiser exchange."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from harness.worker.perturb.locate import denoisers, parameters, rebound, required, schedulers
from harness.worker.perturb.site import Plant, Site
from harness.worker.trace import noise
from harness.worker.trace.hooks import Call
from harness.worker.trace.targets import Target
from harness.worker.trace.tree import exchanged

_COUNT = "num_inference_steps"

_STEPPED = ("prev_sample", "0")
"""The schedulers' name for the sample that a step returns, by name or as the first of a tuple."""


def _timesteps_off_by_one(site: Site) -> None:
    _after_schedule(site, "timesteps", lambda _owner, steps: (steps - 1).clamp(min=0))


def _denoiser_timestep(site: Site) -> None:
    def lower(name: str, value: Any) -> Any:
        if name not in ("timestep", "timesteps", "t"):
            return value
        site.act()
        return (value - 1).clamp(min=0) if isinstance(value, torch.Tensor) else max(value - 1, 0)

    for part in denoisers(site):
        site.wrap(part, "forward", lambda call: rebound(call, lower))


def _step_scaled(site: Site) -> None:
    def stepped(name: str, tensor: torch.Tensor) -> torch.Tensor | None:
        if name not in _STEPPED:
            return None
        site.act()
        return tensor * (1 + site.size)

    for part in _stepping(site):
        site.wrap(part, "step", lambda call: exchanged("", call.proceed(), stepped))


def _eta_added(site: Site) -> None:
    _eta(site, lambda given: 0.1 if given == 0 else given)


def _eta_ignored(site: Site) -> None:
    _eta(site, lambda _given: 0.0)


def _final_alpha(site: Site) -> None:
    for part in _with_attribute(site, "final_alpha_cumprod"):
        owner: Any = part.owner
        first, one = owner.alphas_cumprod[0], torch.ones_like(owner.alphas_cumprod[0])
        site.set(owner, "final_alpha_cumprod", first if float(owner.final_alpha_cumprod) == 1.0 else one)


def _final_sigma(site: Site) -> None:
    def other(owner: Any, sigmas: torch.Tensor) -> torch.Tensor:
        alphas = getattr(owner, "alphas_cumprod", None)
        smallest = sigmas[-2] / 10 if alphas is None else ((1 - alphas[0]) / alphas[0]) ** 0.5
        last = torch.zeros_like(sigmas[-1:]) if sigmas[-1] else smallest.reshape(1).to(sigmas)
        return torch.cat([sigmas[:-1], last])

    _after_schedule(site, "sigmas", other)


def _betas_scaled(site: Site) -> None:
    _other_betas(site, lambda betas: betas * (1 + site.size))


def _beta_schedule(site: Site) -> None:
    def other(betas: torch.Tensor) -> torch.Tensor:
        linear = torch.linspace(float(betas[0]), float(betas[-1]), len(betas), dtype=betas.dtype)
        if not torch.allclose(linear, betas.cpu(), rtol=1e-3):
            return linear.to(betas)
        roots = torch.linspace(float(betas[0]) ** 0.5, float(betas[-1]) ** 0.5, len(betas), dtype=betas.dtype)
        return (roots**2).to(betas)

    _other_betas(site, other)


def _sigma_shift(site: Site) -> None:
    _after_schedule(site, "sigmas", lambda _owner, sigmas: sigmas * (1 + site.size))


def _timestep_spacing(site: Site) -> None:
    _misread(site, "set_timesteps", "timestep_spacing", _other_spacing)


def _clip_sample(site: Site) -> None:
    _misread(site, "step", "clip_sample", lambda _owner, clips: not clips)


def _prediction_type(site: Site) -> None:
    _misread(site, "step", "prediction_type", _other_prediction)


def _one_step_fewer(site: Site) -> None:
    _other_count(site, -1)


def _one_step_more(site: Site) -> None:
    _other_count(site, 1)


def _init_noise_sigma(site: Site) -> None:
    for part in _with_attribute(site, "init_noise_sigma"):
        kind, owner = type(part.owner), part.owner
        held = inspect.getattr_static(kind, "init_noise_sigma", None)
        if isinstance(held, property):
            site.replace(kind, "init_noise_sigma", property(_larger(site, held)))
        else:
            site.set(owner, "init_noise_sigma", getattr(owner, "init_noise_sigma") * (1 + site.size))  # noqa: B009


def _previous_timestep(site: Site) -> None:
    """Change the timestep that a step goes to: an argument, a method's result, or computed from the step count."""
    for part in _stepping(site):
        owner: Any = part.owner
        if hasattr(owner, "previous_timestep"):
            site.wrap(part, "previous_timestep", lambda call: _acted(site, call.proceed() - 1))
        elif "prev_timestep" in parameters(owner, "step"):
            site.wrap(part, "step", lambda call: rebound(call, _earlier(site)))
        elif f"// self.{_COUNT}" in inspect.getsource(type(owner)):
            site.wrap(part, "step", lambda call: _miscounted(site, call))


def _variance_scaled(site: Site) -> None:
    stepping = 0

    def step(call: Call) -> Any:
        nonlocal stepping
        stepping += 1
        try:
            return call.proceed()
        finally:
            stepping -= 1

    def draw(_name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        drawn = original(*args, **kwargs)
        return site.changed(drawn, lambda x: x * (1 + site.size)) if stepping else drawn

    for part in _stepping(site):
        site.wrap(part, "step", step)
    site.wrap_outer_draws(draw)


def _input_unscaled(site: Site) -> None:
    def unscaled(call: Call) -> Any:
        result, given = call.proceed(), (*call.args, *call.kwargs.values())[0]
        if result is given:
            return result
        return _acted(site, given)

    parts = schedulers(site, lambda one: hasattr(one, "scale_model_input"), "scale_model_input")
    for part in parts:
        site.wrap(part, "scale_model_input", unscaled)


INSIDE: Mapping[str, Plant] = {
    "scheduler.timesteps_off_by_one": _timesteps_off_by_one,
    "scheduler.step_scaled": _step_scaled,
    "scheduler.eta_added": _eta_added,
    "scheduler.eta_ignored": _eta_ignored,
    "scheduler.final_alpha": _final_alpha,
    "scheduler.final_sigma": _final_sigma,
    "scheduler.betas_scaled": _betas_scaled,
    "scheduler.beta_schedule": _beta_schedule,
    "scheduler.sigma_shift": _sigma_shift,
    "scheduler.timestep_spacing": _timestep_spacing,
    "scheduler.clip_sample": _clip_sample,
    "scheduler.prediction_type": _prediction_type,
    "scheduler.one_step_fewer": _one_step_fewer,
    "scheduler.one_step_more": _one_step_more,
    "scheduler.init_noise_sigma": _init_noise_sigma,
    "scheduler.previous_timestep": _previous_timestep,
    "scheduler.variance_scaled": _variance_scaled,
    "scheduler.input_unscaled": _input_unscaled,
}

BETWEEN: Mapping[str, Plant] = {"scheduler.denoiser_timestep": _denoiser_timestep}


def _acted(site: Site, value: Any) -> Any:
    site.act()
    return value


def _stepping(site: Site) -> tuple[Target, ...]:
    return schedulers(site, lambda one: hasattr(one, "step"), "a step")


def _with_attribute(site: Site, name: str) -> tuple[Target, ...]:
    return schedulers(site, lambda one: getattr(one, name, None) is not None, f"an attribute {name}")


def _after_schedule(site: Site, name: str, change: Callable[[Any, torch.Tensor], torch.Tensor]) -> None:
    """Change the tensor `name` of the scheduler each time the schedule has been set."""

    def listener(call: Call) -> Any:
        result, owner = call.proceed(), call.owner
        held = getattr(owner, name, None)
        if isinstance(held, torch.Tensor):
            setattr(owner, name, _acted(site, change(owner, held)))
        return result

    for part in schedulers(site, lambda one: hasattr(one, name) and hasattr(one, "set_timesteps"), name):
        site.wrap(part, "set_timesteps", listener)


def _eta(site: Site, other: Callable[[float], float]) -> None:
    def exchange(name: str, value: Any) -> Any:
        if name != "eta" or other(value) == value:
            return value
        return _acted(site, other(value))

    for part in schedulers(site, lambda one: "eta" in parameters(one, "step"), "an eta"):
        site.wrap(part, "step", lambda call: rebound(call, exchange))


def _other_betas(site: Site, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    for part in _with_attribute(site, "alphas_cumprod"):
        owner: Any = part.owner
        if isinstance(getattr(owner, "betas", None), torch.Tensor):
            betas = change(owner.betas).clamp(max=0.9999)
            site.set(owner, "betas", betas)
            site.set(owner, "alphas", 1.0 - betas)
            site.set(owner, "alphas_cumprod", torch.cumprod(1.0 - betas, dim=0))


def _misread(site: Site, method: str, key: str, other: Callable[[Any, Any], Any]) -> None:
    """Let only the method see another value in the scheduler's config."""

    def listener(call: Call) -> Any:
        owner: Any = call.owner
        held = owner._internal_dict
        owner.register_to_config(**{key: _acted(site, other(owner, owner.config[key]))})
        try:
            return call.proceed()
        finally:
            owner._internal_dict = held

    for part in schedulers(site, lambda one: key in one.config and hasattr(one, method), key):
        site.wrap(part, method, listener)


def _other_spacing(_owner: Any, spacing: str) -> str:
    return "leading" if spacing == "trailing" else "trailing"


def _other_prediction(owner: Any, kind: str) -> str:
    """Another prediction type that the scheduler supports."""
    source = inspect.getsource(type(owner).step)
    known = [one for one in ("v_prediction", "sample", "epsilon") if f'"{one}"' in source and one != kind]
    return required(known or _elsewhere(owner, kind), "no scheduler knows another kind of prediction")[0]


def _elsewhere(owner: Any, kind: str) -> Iterable[str]:
    source = inspect.getsource(type(owner))
    return [one for one in ("v_prediction", "sample", "epsilon") if f'"{one}"' in source and one != kind]


def _other_count(site: Site, more: int) -> None:
    def recount(name: str, value: Any) -> Any:
        if name != _COUNT or not isinstance(value, int) or value + more < 1:
            return value
        return _acted(site, value + more)

    for part in schedulers(site, lambda one: _COUNT in parameters(one, "set_timesteps"), _COUNT):
        site.wrap(part, "set_timesteps", lambda call: rebound(call, recount))


def _larger(site: Site, held: property) -> Callable[[Any], Any]:
    assert held.fget is not None
    getter = held.fget
    return lambda owner: _acted(site, getter(owner) * (1 + site.size))


def _earlier(site: Site) -> Callable[[str, Any], Any]:
    def exchange(name: str, value: Any) -> Any:
        if name != "prev_timestep" or value is None:
            return value
        return _acted(
            site, (value - 1).clamp(min=0) if isinstance(value, torch.Tensor) else max(value - 1, 0)
        )

    return exchange


def _miscounted(site: Site, call: Call) -> Any:
    owner: Any = call.owner
    held = owner.num_inference_steps
    owner.num_inference_steps = _acted(site, held + 1)
    try:
        return call.proceed()
    finally:
        owner.num_inference_steps = held
