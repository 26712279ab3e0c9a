"""The keyword arguments that the harness sets itself, and the key of the config that sets them instead."""

from __future__ import annotations

from collections.abc import Mapping

CALL: Mapping[str, str] = {
    "generator": "use `generator` and `seed` at the top of the file",
    "num_inference_steps": "use `steps` at the top of the file",
    "callback": "callbacks are the harness's own; leave it out",
    "callback_steps": "callbacks are the harness's own; leave it out",
    "callback_on_step_end": "callbacks are the harness's own; leave it out",
    "callback_on_step_end_tensor_inputs": "callbacks are the harness's own; leave it out",
}
"""Keyword arguments of the pipeline's call."""

COMPONENTS: Mapping[str, str] = {
    "torch_dtype": "use `model.dtype`",
    "dtype": "use `model.dtype`",
    "revision": "use `model.revision`",
    "variant": "use `model.variant`",
    "use_safetensors": "models are read from safetensors only; leave it out",
    "trust_remote_code": "code from the hub is never run; leave it out",
    "custom_pipeline": "code from the hub is never run; leave it out",
    "custom_revision": "code from the hub is never run; leave it out",
}
"""Keyword arguments of `from_pretrained`."""
