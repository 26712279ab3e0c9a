"""The names that a config may not use, since the harness does this itself, and the key of the config to use instead."""

from __future__ import annotations

from collections.abc import Mapping

_CALLBACK = "Python functions cannot be handed over, and callbacks are the harness's own; leave it out"

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

BEFORE_CALL: Mapping[str, str] = {"generator": "use `generator: true` beside `method`", **_CALLBACKS}
"""Keyword arguments of the methods called before the run."""

METHODS: Mapping[str, str] = {
    "to": "use --device, and `model.dtype`",
    "from_pretrained": "use `model`",
    "from_single_file": "use `model`",
    "from_pipe": "use `pipeline` and `model`",
    "save_pretrained": "outputs go into the capture; leave it out",
    "push_to_hub": "outputs go into the capture; leave it out",
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
    "use_safetensors": "models are read from safetensors only; leave it out",
    "trust_remote_code": "code from the hub is never run; leave it out",
    "custom_pipeline": "code from the hub is never run; use `pipeline: ./file.py:ClassName`",
    "custom_revision": "code from the hub is never run; leave it out",
}
"""Keyword arguments of `from_pretrained`."""
