"""The keys of a config file that set the pipeline up before it runs, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.config.fields import (
    FLOATING,
    Filled,
    IpAdapterFile,
    Name,
    Positive,
    Reason,
    SomeNames,
    Strict,
    WeightFile,
    text,
)

AdapterName = Annotated[str, text("^[A-Za-z0-9][A-Za-z0-9_-]*$", "a name of letters, digits, '_' and '-'")]
Token = Annotated[str, text(r"^\S+$", "a word without spaces")]
Method = Annotated[str, text("^[A-Za-z][A-Za-z0-9_]*$", "the name of a method of the pipeline")]

_WEIGHTS = "a hub id (org/name), or a folder or .safetensors file relative to this file"
_REVISION = "hub ids: a commit sha of 40 hex digits; others float"
_WEIGHT_NAME = "the .safetensors file inside the hub repository or folder"


class Adapter(Strict):
    """LoRA weights added to the pipeline."""

    id: Filled = Field(description=_WEIGHTS)
    name: AdapterName | None = Field(
        default=None, description="the adapter's name in the pipeline; adapter-1, adapter-2, ... without one"
    )
    weight_name: WeightFile | None = Field(default=None, description=_WEIGHT_NAME)
    revision: Filled | None = Field(default=None, description=_REVISION)
    floating: Reason | None = Field(default=None, description=FLOATING)
    scale: float = Field(default=1.0, description="the weight of the adapter; 0 switches it off")


class Embedding(Strict):
    """A textual inversion: an embedding that prompts name by a word."""

    id: Filled = Field(description=_WEIGHTS)
    token: Token = Field(description="the word that names the embedding in prompts, such as <toy>")
    weight_name: WeightFile | None = Field(default=None, description=_WEIGHT_NAME)
    revision: Filled | None = Field(default=None, description=_REVISION)
    floating: Reason | None = Field(default=None, description=FLOATING)


class IpAdapter(Strict):
    """A picture as a prompt; the picture is `call.ip_adapter_image`."""

    id: Filled = Field(description=_WEIGHTS)
    subfolder: str = Field(
        default="", description="the folder of the weights inside the repository or folder"
    )
    weight_name: IpAdapterFile | None = Field(default=None, description=_WEIGHT_NAME)
    image_encoder_folder: Filled | None = Field(
        default="image_encoder",
        description="the image encoder's folder next to the weights or, with a slash, a path in the repository or "
        "folder; null loads none, for `call.ip_adapter_image_embeds`",
    )
    revision: Filled | None = Field(default=None, description=_REVISION)
    floating: Reason | None = Field(default=None, description=FLOATING)
    scale: float | dict[Name, object] = Field(
        default=1.0,
        description="the weight of the picture; 0 switches it off, and a mapping sets it per block",
    )


class MemorySwitches(Strict):
    """How the pipeline saves memory."""

    offload: Literal["none", "model", "sequential"] = Field(
        default="none",
        description="model: enable_model_cpu_offload; sequential: enable_sequential_cpu_offload",
    )
    attention_slicing: Literal["auto", "max"] | Positive | None = Field(
        default=None, description="enable_attention_slicing with this slice size; null leaves it off"
    )
    vae_slicing: bool = Field(default=False, description="decode a batch one image at a time")
    vae_tiling: bool = Field(default=False, description="decode an image tile by tile")


class Compile(Strict):
    """torch.compile of some components."""

    components: SomeNames = Field(description="the pipeline's own names of the components, such as unet")
    mode: Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"] = Field(
        default="default", description="the mode of torch.compile"
    )
    fullgraph: bool = Field(default=False, description="fail if the graph would break")
    dynamic: bool | None = Field(default=None, description="dynamic shapes; null lets torch decide")


class Quantization(Strict):
    """Components quantised on loading."""

    backend: Filled = Field(
        description="a quantization backend of diffusers, such as bitsandbytes_4bit, torchao or quanto"
    )
    components: SomeNames = Field(
        description="the pipeline's own names of the components, such as transformer"
    )
    options: dict[Name, object] = Field(default={}, description="keyword arguments of the backend's config")


class Preparation(Strict):
    """A method of the pipeline called before the run."""

    method: Method = Field(description="the method's name, such as invert")
    call: dict[Name, object] = Field(default={}, description="the method's keyword arguments, as in `call`")
    generator: bool = Field(default=False, description="pass the run's generator to the method")
