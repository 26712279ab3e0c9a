"""Set up a loaded pipeline's variant: adapters, embeddings, memory, layout, compilation."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import torch
from diffusers import DiffusionPipeline

from harness.core.capture import LoadedFile
from harness.core.case import Adapter, Case, Compile, Embedding, Memory, Offload
from harness.worker.environment.releases import PipelineQuantizationConfig
from harness.worker.loading import ip_adapters
from harness.worker.model_files import additions
from harness.worker.model_files.additions import Files, Wanted
from harness.worker.model_files.hub_errors import ModelUnavailable
from harness.worker.model_files.sealed import sealed
from harness.worker.rejection import Lacking

_PACKAGE_OF = {
    "auto-round": "auto_round",
    "bitsandbytes_4bit": "bitsandbytes",
    "bitsandbytes_8bit": "bitsandbytes",
    "nunchaku_lite": "nunchaku",
    "quanto": "optimum.quanto",
}
"""The packages of quantisation backends whose names differ from the backend's."""


def loading_keywords(case: Case, dtype_keyword: str) -> dict[str, object]:
    """The keyword arguments of `from_pretrained` for the case's dtypes and quantisation.

    Raises ModelUnavailable for a quantisation backend whose package is not installed.
    """
    model, quantization = case.model, case.variant.quantization
    dtype: object = getattr(torch, model.dtype)
    if model.dtypes:
        dtype = {"default": dtype, **{name: getattr(torch, kind) for name, kind in model.dtypes.items()}}
    if quantization is None:
        return {dtype_keyword: dtype}
    package = _PACKAGE_OF.get(quantization.backend, quantization.backend)
    if find_spec(package.partition(".")[0]) is None:
        raise ModelUnavailable(
            f"quantization.backend: {quantization.backend} needs the package {package}, which is not installed; "
            f"install it, or leave `quantization` out"
        )
    config = PipelineQuantizationConfig(
        quant_backend=quantization.backend,
        quant_kwargs=dict(quantization.options),
        components_to_quantize=list(quantization.components),
    )
    return {dtype_keyword: dtype, "quantization_config": config}


def set_up(pipeline: DiffusionPipeline, case: Case, device: torch.device) -> Files:
    """Apply the case's variant, move the pipeline to `device`, and return the files that the variant read.

    Raises Rejection for features that this pipeline does not have, ModelUnavailable for adapters that are not
    available and for offloading on a device that has no other memory.
    """
    variant = case.variant
    files = _add(pipeline, case)
    for name, module in _modules(pipeline, "channels_last", variant.channels_last):
        setattr(pipeline, name, module.to(memory_format=torch.channels_last))
    _save_memory(pipeline, variant.memory)
    _place(pipeline, variant.memory.offload, device)
    if variant.compile is not None:
        _compile(pipeline, variant.compile)
    return files


def _add(pipeline: DiffusionPipeline, case: Case) -> Files:
    """Load the adapters, IP-Adapters and embeddings of a case; return the files read."""
    variant, base = case.variant, Path(case.base)
    files: dict[str, LoadedFile] = {}
    for number, adapter in enumerate(variant.adapters):
        with sealed("adapters", adapter.id):
            files.update(_add_adapter(pipeline, f"adapters[{number}]", adapter, base))
    if variant.adapters:
        pipeline.set_adapters([one.name for one in variant.adapters], [one.scale for one in variant.adapters])
    if variant.ip_adapters:
        with sealed("ip_adapters", variant.ip_adapters[0].id):
            files.update(ip_adapters.add(pipeline, variant.ip_adapters, base))
    for number, embedding in enumerate(variant.embeddings):
        with sealed("embeddings", embedding.id):
            files.update(_add_embedding(pipeline, f"embeddings[{number}]", embedding, base))
    return files


def _add_adapter(pipeline: DiffusionPipeline, key: str, adapter: Adapter, base: Path) -> Files:
    load = _method(pipeline, "load_lora_weights", "adapters")
    wanted = Wanted(key, adapter.id, weight_name=adapter.weight_name, revision=adapter.revision)
    found = additions.find(wanted, base, "pytorch_lora_weights.safetensors")
    load(str(found.folder), weight_name=found.weight_name, adapter_name=adapter.name, use_safetensors=True)
    return found.files


def _add_embedding(pipeline: DiffusionPipeline, key: str, embedding: Embedding, base: Path) -> Files:
    load = _method(pipeline, "load_textual_inversion", "embeddings")
    wanted = Wanted(key, embedding.id, weight_name=embedding.weight_name, revision=embedding.revision)
    found = additions.find(wanted, base, "learned_embeds.safetensors")
    load(str(found.folder), weight_name=found.weight_name, token=embedding.token, use_safetensors=True)
    return found.files


def _method(pipeline: DiffusionPipeline, name: str, key: str):  # type: ignore[no-untyped-def]
    if not hasattr(pipeline, name):
        kind, step = type(pipeline).__name__, f"leave `{key}` out"
        raise Lacking(key, kind, f"this pipeline has no {name}", step, name=name)
    return getattr(pipeline, name)


def _modules(
    pipeline: DiffusionPipeline, key: str, names: Iterable[str]
) -> Iterable[tuple[str, torch.nn.Module]]:
    there = {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}
    for name in names:
        if name not in there:
            fact = f"no such component; the pipeline has {', '.join(sorted(there))}"
            raise Lacking(key, name, fact, name=name)
        yield name, there[name]


def _save_memory(pipeline: DiffusionPipeline, memory: Memory) -> None:
    if memory.attention_slicing is not None:
        pipeline.enable_attention_slicing(memory.attention_slicing)
    wished = {"vae_slicing": memory.vae_slicing, "vae_tiling": memory.vae_tiling}
    for key in (key for key, on in wished.items() if on):
        vae, method = getattr(pipeline, "vae", None), f"enable_{key.removeprefix('vae_')}"
        if not hasattr(vae, method):
            fact = "the pipeline has no VAE that can do this"
            raise Lacking(f"memory.{key}", True, fact, "leave it out", name=method)
        getattr(vae, method)()


def _place(pipeline: DiffusionPipeline, offload: Offload, device: torch.device) -> None:
    if offload is Offload.NONE:
        pipeline.to(device)
        return
    if device.type == "cpu":
        raise ModelUnavailable(
            f"memory.offload: {offload}: there is nothing to offload from on a CPU; use a GPU"
        )
    enable = {
        Offload.MODEL: pipeline.enable_model_cpu_offload,
        Offload.SEQUENTIAL: pipeline.enable_sequential_cpu_offload,
    }[offload]
    enable(device=device)


def _compile(pipeline: DiffusionPipeline, how: Compile) -> None:
    for _, module in _modules(pipeline, "compile.components", how.components):
        module.compile(mode=how.mode, fullgraph=how.fullgraph, dynamic=how.dynamic)
