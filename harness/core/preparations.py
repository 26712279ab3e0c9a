"""The methods of a pipeline that a case may call before its run: only those that change what it computes."""

from __future__ import annotations

import re

ALLOWED: frozenset[str] = frozenset(
    {
        "delete_adapters",
        "disable_attention_slicing",
        "disable_freeu",
        "disable_lora",
        "disable_vae_slicing",
        "disable_vae_tiling",
        "disable_xformers_memory_efficient_attention",
        "enable_freeu",
        "enable_group_offload",
        "enable_lora",
        "enable_lora_hotswap",
        "enable_xformers_memory_efficient_attention",
        "fuse_lora",
        "fuse_qkv_projections",
        "load_ip_adapter",
        "set_attention_slice",
        "set_ip_adapter_scale",
        "set_lora_device",
        "set_progress_bar_config",
        "set_use_memory_efficient_attention_xformers",
        "unfuse_lora",
        "unfuse_qkv_projections",
        "unload_ip_adapter",
        "unload_lora_weights",
        "unload_textual_inversion",
        "update_components",
    }
)
"""Methods that diffusers gives to all of its pipelines, or to those that can load LoRA or IP-Adapters."""

_ELSEWHERE = re.compile(r"(download|dump|export|from|publish|push|save|to_json|upload|write)(_|$)")
"""The names of methods that write, read or fetch what the case does not name."""

_PIPELINES = re.compile(
    r"diffusers\.(pipelines|modular_pipelines)\.(?!pipeline_utils$|modular_pipeline(_\w+)?$)"
)
_LIBRARIES = re.compile(r"(accelerate|builtins|diffusers|huggingface_hub|peft|torch|transformers)(\.|$)")


def is_own(module: str) -> bool:
    """Whether a class of `module` belongs to the pipeline itself, not to what diffusers and related libraries share."""
    return _PIPELINES.match(module) is not None or _LIBRARIES.match(module) is None


def may_be_called(method: str, module: str | None) -> bool:
    """Whether a case may call `method`, which a class of `module` defines (None if no class does)."""
    if method in ALLOWED:
        return module is not None
    return module is not None and is_own(module) and _ELSEWHERE.match(method) is None


def refusal(pipeline: str) -> str:
    """Why another method of the class `pipeline` may not be called, and which ones may."""
    return (
        "methods called before a run may change what the pipeline computes, "
        "but not write files, ask the hub or load code; "
        f"accepted: the methods that {pipeline} defines itself, and {', '.join(sorted(ALLOWED))}"
    )
