"""What a config file may contain, as pydantic models; the JSON Schema is generated from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, create_model, model_validator

from harness.config.fields import (
    FLOATING,
    NAME_PATTERN,
    Dtype,
    Filled,
    Limit,
    MatrixKey,
    Name,
    Positive,
    Reason,
    Seed,
    SomeNames,
    Strict,
    Tag,
    bounded,
    text,
    worded,
)
from harness.config.schema.variant import (
    Adapter,
    Compile,
    Embedding,
    IpAdapter,
    MemorySwitches,
    Preparation,
    Quantization,
)
from harness.core.tolerance import METRIC_TABLE, Metric

PIPELINE_PATTERN = r"^([A-Za-z_][A-Za-z0-9_]*|(\.{1,2}/|/)[^\x00]*[^/\x00]\.py:[A-Za-z_][A-Za-z0-9_]*)$"
LONGEST_TIMEOUT = 604_800

_NOT_GIVEN: Any = None
"""The default of a key that has no default and does not accept null; `model_fields_set` shows what was given."""

_ANYTHING = "a pattern that names something: one with only wildcards would accept every possible finding"

Accepted = Annotated[str, text(r"^[^\x00]*[^\x00*?.][^\x00]*$", _ANYTHING)]

_PIPELINE = (
    "a pipeline class of diffusers, 'auto', or ./file.py:ClassName for a pipeline of your own "
    "(a path that starts with ./, ../ or /)"
)


class Model(Strict):
    """The weights that the pipeline is loaded from."""

    id: Filled = Field(
        description="builtin:NAME, a hub id (org/name), or a folder or .safetensors file relative to this file"
    )
    revision: Filled | None = Field(
        default=None, description="hub ids: a commit sha of 40 hex digits; anything else floats"
    )
    floating: Reason | None = Field(default=None, description=FLOATING)
    variant: Filled | None = Field(default=None, description="the variant of the weight files, such as fp16")
    dtype: Dtype | Annotated[dict[Name, Dtype], Field(min_length=1)] = Field(
        default="float32",
        description="the dtype that the weights are loaded in; {default: float32, vae: float16} per component",
    )
    components: dict[Name, object] = Field(
        default={}, description="further keyword arguments of from_pretrained, such as {safety_checker: null}"
    )


class Scheduler(Strict):
    """The scheduler to use instead of the model's own; further keys are options of its config."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    class_name: Annotated[str, text(NAME_PATTERN, "a scheduler class of diffusers")] | None = Field(
        default=None,
        alias="class",
        description="a scheduler class of diffusers; null keeps the model's own class",
    )


class DeterminismSwitches(Strict):
    """The numeric switches that the worker sets before the pipeline runs."""

    algorithms: bool = Field(default=True, description="torch.use_deterministic_algorithms")
    cublas_workspace: Literal[":4096:8", ":16:8"] | None = Field(
        default=":4096:8", description="CUBLAS_WORKSPACE_CONFIG, set before CUDA starts; null leaves it unset"
    )
    cudnn_benchmark: bool = Field(default=False, description="torch.backends.cudnn.benchmark")
    cudnn_deterministic: bool = Field(default=True, description="torch.backends.cudnn.deterministic")
    tf32: bool = Field(default=False, description="TF32 in matrix products and in cuDNN")
    attention: Literal["math", "flash", "efficient", "cudnn", "default"] = Field(
        default="math",
        description="the only backend that scaled dot product attention may use; default allows all",
    )
    threads: int = Field(default=1, ge=1, le=1024, description="CPU threads of torch")
    portable: bool = Field(
        default=True, description="on a CPU: compute the same bits on every x86-64 machine with AVX2"
    )


def _limit(metric: Metric) -> tuple[type, Any]:
    sides = {"gt": metric.bound} if metric.at_least else {"ge": 0, "lt": metric.bound}
    return float, bounded(metric.meaning, metric.why, **sides)


_LIMITS: dict[str, Any] = {name: _limit(metric) for name, metric in METRIC_TABLE.items()}
_ByMetric = create_model("_ByMetric", __base__=Strict, **_LIMITS)


class MetricLimits(_ByMetric):  # type: ignore[valid-type, misc]  # its keys are the table's
    """The largest value allowed for each metric; for psnr, in decibels, the smallest."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("no metric")
        return self


class ToleranceRules(Strict):
    """What is allowed, by how the golden's environment and the current one differ."""

    same: Literal["exact"] | MetricLimits = Field(default="exact", description="the same environment")
    same_hardware: Literal["exact", "refuse", "calibrated"] | MetricLimits = Field(
        default=_NOT_GIVEN,
        alias="same-hardware",
        description="the same device with other software; `calibrated` uses what `harness calibrate` measured",
    )
    cross_hardware: Literal["exact", "refuse", "calibrated"] | MetricLimits = Field(
        default=_NOT_GIVEN,
        alias="cross-hardware",
        description="another device; `refuse` requires a golden of its own",
    )


class _InvariantLimits(MetricLimits):
    """Limits and further options; at least one limit is needed."""

    model_config = ConfigDict(
        json_schema_extra={
            # at least one key must be a metric
            "not": {"propertyNames": {"not": {"enum": list(MetricLimits.model_fields)}}},
            **worded(f"a mapping with a limit for at least one of {', '.join(MetricLimits.model_fields)}"),
        }
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set & MetricLimits.model_fields.keys():
            raise ValueError("no metric")
        return self


class BatchLimits(_InvariantLimits):
    """How far the first sample of a batch may be from the sample alone."""

    size: int = Field(default=2, ge=2, le=64, description="how many samples the batch has")


class HalfLimits(_InvariantLimits):
    """How far the run in another dtype may be from the run itself."""

    dtype: Literal["float16", "bfloat16"] = Field(default="float16", description="the other dtype")
    devices: list[Literal["cpu", "cuda", "mps"]] = Field(
        default=[], description="the kinds of device to do this on (default: all); elsewhere it is skipped"
    )


class CompileLimits(_InvariantLimits):
    """How far the run with compiled components may be from the run itself."""

    components: SomeNames = Field(description="the pipeline's own names of the components, such as unet")
    devices: list[Literal["cpu", "cuda", "mps"]] = Field(
        default=[], description="the kinds of device to do this on (default: all); elsewhere it is skipped"
    )


class InvariantRules(Strict):
    """Equalities between the case and variations of it, each with its own limits."""

    batch: Literal["exact"] | BatchLimits = Field(
        default=_NOT_GIVEN, description="the first sample of a batch against the sample alone"
    )
    generator_state: Literal["exact"] | MetricLimits = Field(
        default=_NOT_GIVEN,
        description="other states of the global generators, which the pipeline must not draw from",
    )
    offload: Literal["exact"] | MetricLimits = Field(
        default=_NOT_GIVEN, description="enable_model_cpu_offload against no offloading; on a GPU"
    )
    attention_slicing: Literal["exact"] | MetricLimits = Field(
        default=_NOT_GIVEN, description="enable_attention_slicing (slices of one head) against no slicing"
    )
    vae_tiling: Literal["exact"] | MetricLimits = Field(
        default=_NOT_GIVEN, description="the VAE working tile by tile against the whole input at once"
    )
    half: HalfLimits = Field(default=_NOT_GIVEN, description="half precision against the case's dtype")
    save_load: Literal["exact"] | MetricLimits = Field(
        default=_NOT_GIVEN, description="the pipeline saved and loaded again against itself"
    )
    compile: CompileLimits = Field(default=_NOT_GIVEN, description="torch.compile against eager")


class ExpectedFigure(Strict):
    """A published figure that the case must reproduce."""

    output: Filled = Field(description="the output's name, such as images")
    statistic: Literal["abs_sum", "sum", "mean", "std", "min", "max"] = Field(
        description="computed over all elements"
    )
    value: float = Field(description="the published value")
    abs_tol: Limit = Field(description="the largest absolute difference from it")
    source: Filled | None = Field(default=None, description="where it was published")


class ConfigFile(Strict):
    """One config file: a case, or a family of cases through `matrix`."""

    pipeline: Annotated[str, text(PIPELINE_PATTERN, _PIPELINE)] = Field(
        description="a pipeline class of diffusers, or ./file.py:ClassName; `auto` reads model_index.json"
    )
    model: Model = Field(description="the weights that the pipeline is loaded from")
    scheduler: Scheduler | None = Field(
        default=None, description="the scheduler to use instead of the model's own"
    )
    steps: Positive | Annotated[dict[Name, Positive], Field(min_length=1)] | None = Field(
        default=None,
        description="num_inference_steps; {prior: 5} gives prior_num_inference_steps=5, and a key that ends in "
        "num_inference_steps is the whole name",
    )
    seed: Seed | None = Field(default=0, description="seed of every random generator")
    generator: Literal["cpu", "device", "none"] = Field(
        default="cpu",
        description="the device of the generator that the pipeline gets; none passes no generator, on purpose",
    )
    call: dict[Name, object] = Field(
        default={}, description="further keyword arguments of the pipeline's call"
    )
    before: list[Preparation] = Field(
        default=[],
        description="methods of the pipeline to call before the run, such as invert, in this order",
    )
    adapters: list[Adapter] = Field(default=[], description="LoRA weights added to the pipeline")
    ip_adapters: list[IpAdapter] = Field(
        default=[], description="IP-Adapters; their pictures go into `call.ip_adapter_image`"
    )
    embeddings: list[Embedding] = Field(default=[], description="textual inversions that prompts may name")
    memory: MemorySwitches = Field(default=MemorySwitches(), description="ways to save memory")
    channels_last: list[Name] = Field(
        default=[], description="components whose weights are laid out channels last, such as unet"
    )
    compile: Compile | None = Field(
        default=None, description="torch.compile of components; null leaves it off"
    )
    quantization: Quantization | None = Field(
        default=None, description="components quantised on loading; null quantises none"
    )
    determinism: DeterminismSwitches = Field(default=DeterminismSwitches(), description="numeric switches")
    tolerance: Literal["calibrated"] | ToleranceRules = Field(
        default=ToleranceRules(),
        description="what is allowed, per relation; calibrated: bit for bit in the same environment, otherwise the "
        "limits that `harness calibrate` measured",
    )
    expect: list[ExpectedFigure] = Field(
        default=[], description="published figures that the outputs must reproduce"
    )
    nondeterministic: Literal["refuse", "allow"] = Field(
        default="refuse", description="whether a golden may be recorded from runs that differ"
    )
    golden: Literal["required", "optional"] = Field(
        default="required", description="optional: without a golden the case is judged by `expect` alone"
    )
    devices: list[Literal["cpu", "cuda", "mps"]] = Field(
        default=[],
        description="the kinds of device to run on (default: all); elsewhere the case is skipped",
    )
    trace: Literal["none", "components", "full", "modules"] | None = Field(
        default=None,
        description="how much of the run is recorded: components records noise, components and scheduler steps; full "
        "also keeps their tensors (default for built-in models); modules also looks into every network",
    )
    forced: bool = Field(default=False, description="also verify by forced replay; records a full trace")
    invariants: InvariantRules = Field(
        default=InvariantRules(),
        description="what must hold between the run and its variations, whatever the golden says",
    )
    accept_exact: list[Accepted] = Field(
        default=[], description="exact findings that do not fail the case, such as 'unet.*.eps'"
    )
    min_sensitivity: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="the share of planted faults that the limits of same-hardware must catch, such as 0.95; "
        "`harness sensitivity` measures it",
    )
    tags: list[Tag] = Field(default=[], description="names to select the case by, as tag:NAME")
    timeout: float = Field(
        default=600.0, gt=0, le=LONGEST_TIMEOUT, description="seconds that the run may take"
    )
    matrix: dict[MatrixKey, Annotated[list[object], Field(min_length=1)]] = Field(
        default={}, description="keys of this file with lists of values; each combination is a case"
    )
