"""The names that a config may not use because the harness sets them itself, and the config key to use instead."""

from __future__ import annotations

from collections.abc import Mapping

_CALLBACK = "Python functions cannot be passed, and callbacks belong to the harness; leave it out"

_CALLBACKS: Mapping[str, str] = dict.fromkeys(
    (
        "callback",
        "callback_on_step_end",
        "prior_callback_on_step_end",
    ),
    _CALLBACK,
)

CALL: Mapping[str, str] = {
    "generator": "use `generator` and `seed` at the top of the file",
    **_CALLBACKS,
}
"""Keyword arguments of the pipeline's call."""

_ENVIRONMENT: Mapping[str, str] = {
    "cache_dir": "the cache belongs to the machine; use the variable HF_HUB_CACHE",
    "force_download": "delete the model from the cache instead, and leave it out",
    "proxies": "the network belongs to the machine; use the variable HTTPS_PROXY",
    "token": "a config must not contain secrets; use the variable HF_TOKEN",
}

_NO_CODE = "code from the hub is never run; leave it out"
_SAFETENSORS = "models are read from safetensors only; leave it out"
_NO_FILES = "outputs go into the capture, and nothing else is written; leave it out"

BEFORE_CALL: Mapping[str, str] = {
    "generator": "use `generator: true` next to `method`",
    **_CALLBACKS,
    **_ENVIRONMENT,
    "custom_pipeline": _NO_CODE,
    "local_files_only": "the network belongs to the machine; use the variable HF_HUB_OFFLINE=1",
    "offload_folder": _NO_FILES,
    "offload_to_disk_path": _NO_FILES,
    "push_to_hub": _NO_FILES,
    "save_directory": _NO_FILES,
    "trust_remote_code": _NO_CODE,
    "use_auth_token": _ENVIRONMENT["token"],
    "use_safetensors": _SAFETENSORS,
}
"""Keyword arguments of the methods called before the run."""

METHODS: Mapping[str, str] = {
    "to": "use --device, and `model.dtype`",
    "from_pretrained": "use `model`",
    "from_single_file": "use `model`",
    "from_pipe": "use `pipeline` and `model`",
    "from_config": "use `pipeline` and `model`",
    "download": "use `model`",
    "load_config": "use `model`",
    "get_config_dict": "use `model`",
    "load_components": "use `model`",
    "register_components": "use `model`",
    "register_modules": "use `model`",
    "register_to_config": "use `model` and `scheduler`",
    "register_for_auto_class": _NO_CODE,
    "save_pretrained": _NO_FILES,
    "push_to_hub": _NO_FILES,
    "save_config": _NO_FILES,
    "save_lora_weights": _NO_FILES,
    "write_lora_layers": _NO_FILES,
    "to_json_file": _NO_FILES,
    "to_json_string": _NO_FILES,
    "load_lora_weights": "use `adapters`",
    "set_adapters": "use `adapters`",
    "load_textual_inversion": "use `embeddings`",
    "enable_attention_slicing": "use `memory.attention_slicing`",
    "enable_model_cpu_offload": "use `memory.offload: model`",
    "enable_sequential_cpu_offload": "use `memory.offload: sequential`",
    "enable_vae_slicing": "use `memory.vae_slicing`",
    "enable_vae_tiling": "use `memory.vae_tiling`",
}
"""Methods of a pipeline."""

COMPONENTS: Mapping[str, str] = {
    "torch_dtype": "use `model.dtype`",
    "dtype": "use `model.dtype`",
    "revision": "use `model.revision`",
    "variant": "use `model.variant`",
    "quantization_config": "use `quantization`",
    "use_safetensors": _SAFETENSORS,
    "use_flashpack": _SAFETENSORS,
    "trust_remote_code": _NO_CODE,
    "custom_pipeline": "code from the hub is never run; use `pipeline: ./file.py:ClassName`",
    "custom_revision": _NO_CODE,
    "original_config_file": "use `model.components.original_config`",
    **_ENVIRONMENT,
    "offload_folder": _NO_FILES,
    "load_connected_pipeline": "use `pipeline` and name the class",
}
"""Keyword arguments of `from_pretrained`."""


def told(what: str, advice: str) -> str:
    """Why a name is refused: `what` says what the harness does with it, unless the advice itself gives the reason."""
    is_ours = advice.startswith("use ") or advice == _CALLBACK
    return f"the harness {what} this itself; {advice}" if is_ours else advice
