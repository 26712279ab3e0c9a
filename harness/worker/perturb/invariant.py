"""The variations of a run that invariants compare with it, and that a pipeline has no option for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline

from harness.worker import seeding
from harness.worker.environment.releases import ModularPipeline
from harness.worker.inputs.arguments import parameters, takes_generator
from harness.worker.loading.alignment import align
from harness.worker.perturb.site import NotApplicable, Plant, Site
from harness.worker.trace import hooks, noise

_SIZES = (
    "num_images_per_prompt",
    "num_videos_per_prompt",
    "num_waveforms_per_prompt",
    "batch_size",
)
"""Arguments that ask a pipeline for several samples; the first accepted one is used."""

_GIVEN = ("latents", "prior_latents", "decoder_latents", "super_res_latents")
"""Arguments with the initial noise of one sample."""


def batch(site: Site) -> None:
    """Ask for `strength` samples at once, each with its own generator, and keep the first.

    The first sample uses the case's generator. The others have their own seeds.
    """
    size = int(site.strength or 2)
    argument = _size_argument(site.pipeline)
    if not takes_generator(site.pipeline):
        raise NotApplicable("the pipeline takes no generator, so the samples of a batch share one stream")

    def first_of_many(call: hooks.Call) -> Any:
        generator = call.kwargs.get("generator")
        if not isinstance(generator, torch.Generator):
            raise NotApplicable("the run hands no generator to the pipeline")
        _check_single(call.kwargs, argument)
        call.kwargs |= {argument: size, "generator": [generator, *_others(generator, size - 1)]}
        site.act()
        return _first(call.proceed(), size)

    _on_call(site, first_of_many)


def generator_state(site: Site) -> None:
    """Change the state of the global generators."""
    if not takes_generator(site.pipeline):
        raise NotApplicable("the pipeline takes no generator: the global ones are all that seeds it")
    seeding.seed_globals(site.seed)
    site.act()


def save_load(site: Site) -> None:
    """Save the pipeline to a temporary folder, load it from there, and run the loaded one."""
    if isinstance(site.pipeline, ModularPipeline):
        raise NotApplicable("a modular pipeline saves where its components come from, not the components")
    folder = site.stack.enter_context(TemporaryDirectory())
    with torch.random.fork_rng():
        # Loading may draw (weights are initialised before they are read); that must not affect the run.
        site.pipeline.save_pretrained(folder)
        loaded = type(site.pipeline).from_pretrained(folder)
    _give_dtypes(site.pipeline, loaded)
    loaded.to(site.pipeline.device)
    align(loaded)
    site.act()
    _on_call(site, lambda call: loaded(*call.args, **call.kwargs))


def attention_slicing(site: Site) -> None:
    """Compute attention one head at a time."""
    modules = [module for part in site.networks() for module in _attending(part.owner)]
    before = [module.processor for module in modules]
    if not hasattr(site.pipeline, "enable_attention_slicing"):
        raise NotApplicable("the pipeline has no enable_attention_slicing")
    site.pipeline.enable_attention_slicing("max")
    for module, processor in zip(modules, before, strict=True):
        if type(module.processor) is not type(processor):
            site.stack.callback(setattr, module, "processor", processor)
            site.act()
    if not site.acted:
        raise NotApplicable("enable_attention_slicing changes no module of this pipeline")


def vae_tiling(site: Site) -> None:
    """Let the VAE work tile by tile."""
    vae = getattr(site.pipeline, "vae", None)
    tiled = [name for name in ("tiled_encode", "_tiled_encode", "tiled_decode") if hasattr(vae, name)]
    if vae is None or not tiled or not hasattr(vae, "enable_tiling"):
        raise NotApplicable("the pipeline has no VAE that works tile by tile")
    if vae.use_tiling:
        raise NotApplicable("the VAE of the case works tile by tile already")
    site.stack.callback(vae.disable_tiling)
    vae.enable_tiling()

    def counted(call: hooks.Call) -> Any:
        site.act()
        return call.proceed()

    hooks.on_network(vae, tiled, counted, site.stack)
    _on_call(site, lambda call: _if_acted(site, call.proceed(), "nothing is larger than a tile of the VAE"))


def draws_in(dtype: torch.dtype, site: Site) -> None:
    """Draw half-precision noise in `dtype`, then cast it.

    On some processors a generator's stream depends on the dtype, and the run to compare with draws in
    `dtype`.
    """

    def draw(name: str, original: noise.Original, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        asked = _asked_dtype(name, args, kwargs)
        if asked not in _HALVES or asked is dtype:
            return original(*args, **kwargs)
        site.act()
        if name.endswith("_"):
            tensor, *rest = args
            return tensor.copy_(original(torch.empty_like(tensor, dtype=dtype), *rest, **kwargs))
        if name == "randn_tensor":
            # It may be passed by position.
            args, kwargs = args[:_DTYPE_PLACE], {**dict(zip(("layout",), args[4:], strict=False)), **kwargs}
        return original(*args, **{**kwargs, "dtype": dtype}).to(asked)

    site.wrap_outer_draws(draw)


VARIATIONS: Mapping[str, Plant] = {
    "batch": batch,
    "generator_state": generator_state,
    "save_load": save_load,
    "attention_slicing": attention_slicing,
    "vae_tiling": vae_tiling,
    **{
        f"draws_in_{name}": partial(draws_in, getattr(torch, name))
        for name in ("float32", "float64", "float16", "bfloat16")
    },
}
"""What does each, by the name of the invariant's kind."""

_HALVES = (torch.float16, torch.bfloat16)

_DTYPE_PLACE = 3
"""The position of `randn_tensor`'s dtype: after shape, generator and device."""


def _asked_dtype(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.dtype | None:
    """The dtype that a call draws; None for the default, and for functions that follow another tensor's dtype."""
    asked = kwargs.get("dtype")
    if asked is None and name == "randn_tensor" and len(args) > _DTYPE_PLACE:
        asked = args[_DTYPE_PLACE]
    if asked is None and (name.endswith("_like") or (name.endswith("_") and args)):
        asked = (args[0] if args else kwargs["input"]).dtype
    return asked if isinstance(asked, torch.dtype) else None


def _attending(network: object) -> list[Any]:
    assert isinstance(network, torch.nn.Module)
    return [module for module in network.modules() if getattr(module, "processor", None) is not None]


def _if_acted(site: Site, output: Any, otherwise: str) -> Any:
    if not site.acted:
        raise NotApplicable(otherwise)
    return output


def _on_call(site: Site, listener: hooks.Listener) -> None:
    """Pass the call of this pipeline object to `listener`."""
    pipeline = site.pipeline

    def only(call: hooks.Call) -> Any:
        return listener(call) if call.owner is pipeline else call.proceed()

    hooks.on_class(type(pipeline), ["__call__"], only, site.stack)


def _size_argument(pipeline: DiffusionPipeline) -> str:
    taken = parameters(pipeline)
    for name in _SIZES:
        if name in taken:
            return name
    raise NotApplicable(f"the pipeline takes none of {', '.join(_SIZES)}")


def _check_single(keywords: dict[str, Any], argument: str) -> None:
    """Raise NotApplicable for a run that is a batch itself, or whose initial noise is for only one sample."""
    lists = [name for name, value in keywords.items() if name != "generator" and _is_batch(value)]
    if lists or keywords.get(argument) not in (None, 1):
        raise NotApplicable(f"the run is a batch itself ({', '.join(lists) or argument})")
    if given := [name for name in _GIVEN if keywords.get(name) is not None]:
        raise NotApplicable(f"{given[0]} of one sample are given")


def _is_batch(value: object) -> bool:
    return isinstance(value, list) and len(value) > 1


def _others(generator: torch.Generator, count: int) -> Iterator[torch.Generator]:
    first = generator.initial_seed()
    for number in range(1, count + 1):
        yield torch.Generator(generator.device).manual_seed((first + number) % 2**63)


def _first(output: Any, size: int) -> Any:
    """`output` with only the first of `size` samples, in every field that has that many."""
    if isinstance(output, tuple):
        return tuple(_first_of(value, size) for value in output)
    for name, value in list(output.items()):
        output[name] = _first_of(value, size)
    return output


def _first_of(value: Any, size: int) -> Any:
    if isinstance(value, torch.Tensor | np.ndarray):
        return value[:1] if value.ndim and value.shape[0] == size else value
    return value[:1] if isinstance(value, list) and len(value) == size else value


def _give_dtypes(original: DiffusionPipeline, loaded: DiffusionPipeline) -> None:
    """Cast loaded weights to the dtypes of the saved ones; going through float32 is exact for both half dtypes."""
    for name, module in loaded.components.items():
        ours = original.components.get(name)
        if isinstance(module, torch.nn.Module) and isinstance(ours, torch.nn.Module):
            for held in (torch.nn.Module.named_parameters, torch.nn.Module.named_buffers):
                _align(dict(held(ours)), dict(held(module)))
            module.eval()


def _align(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    for name, tensor in theirs.items():
        if name in ours and tensor.dtype != ours[name].dtype:
            tensor.data = tensor.data.to(ours[name].dtype)
