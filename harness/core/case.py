"""A case: one fully specified pipeline run, and the digest that ties a golden to its definition."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from harness.core.environment import Change
from harness.core.invariant import Invariant
from harness.core.tolerance import Tolerance
from harness.core.trace import TraceLevel

BUILTIN = "builtin:"
"""The prefix of the ids of models that come with the harness."""

STEPS_ARGUMENT = "num_inference_steps"

Values = Mapping[str, object]
"""A mapping of JSON values (None, bool, int, float, str, lists and string-keyed mappings of them)."""


class GeneratorKind(StrEnum):
    """Where the `torch.Generator` passed to the pipeline lives; NONE passes no generator."""

    CPU = "cpu"
    DEVICE = "device"
    NONE = "none"


class Attention(StrEnum):
    """The scaled-dot-product-attention backend that torch may choose; DEFAULT leaves all of them on."""

    MATH = "math"
    FLASH = "flash"
    EFFICIENT = "efficient"
    CUDNN = "cudnn"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The weights that a pipeline is loaded from.

    `id` is `builtin:NAME`, a hub id, or a directory or .safetensors file as written in the config (relative
    to that file). `components` overrides keyword arguments of `from_pretrained`; `dtypes` holds the dtypes of
    components that differ from `dtype`. `floating` is why a floating revision is accepted.
    """

    id: str
    revision: str | None = None
    variant: str | None = None
    dtype: str = "float32"
    components: Values = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    floating: str | None = None


class Offload(StrEnum):
    """Which parts of a pipeline stay on the CPU until they are needed."""

    NONE = "none"
    MODEL = "model"
    SEQUENTIAL = "sequential"


@dataclass(frozen=True, slots=True)
class Adapter:
    """LoRA weights added to the pipeline under `name`, at `scale`; `id` as in ModelSpec."""

    id: str
    name: str
    weight_name: str | None = None
    revision: str | None = None
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Embedding:
    """A textual inversion: the embedding that prompts name by `token`; `id` as in ModelSpec."""

    id: str
    token: str
    weight_name: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class IpAdapter:
    """A picture as a prompt: weights in `subfolder` of `id` (as in ModelSpec), `scale` for all blocks or for some.

    `image_encoder_folder` is a folder next to the weights or, with a slash, a path in `id`; None loads none.
    """

    id: str
    subfolder: str = ""
    weight_name: str | None = None
    image_encoder_folder: str | None = "image_encoder"
    revision: str | None = None
    scale: float | Mapping[str, object] = 1.0


@dataclass(frozen=True, slots=True)
class Memory:
    """How a pipeline saves memory; attention slicing is auto, max, a slice size, or None for off."""

    offload: Offload = Offload.NONE
    attention_slicing: str | int | None = None
    vae_slicing: bool = False
    vae_tiling: bool = False


@dataclass(frozen=True, slots=True)
class Compile:
    """`torch.compile` of the named components."""

    components: tuple[str, ...]
    mode: str = "default"
    fullgraph: bool = False
    dynamic: bool | None = None


@dataclass(frozen=True, slots=True)
class Quantization:
    """Components quantised while they are loaded, by a backend of diffusers with its own options."""

    backend: str
    components: tuple[str, ...]
    options: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preparation:
    """A method of the pipeline called before the run, such as LEdits++'s `invert`, with its arguments.

    `generator` passes a generator made like the run's own, if the method takes one.
    """

    method: str
    call: Values = field(default_factory=dict)
    generator: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """How a pipeline is set up before it runs, beyond its model and scheduler."""

    adapters: tuple[Adapter, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    memory: Memory = Memory()
    channels_last: tuple[str, ...] = ()
    compile: Compile | None = None
    quantization: Quantization | None = None
    ip_adapters: tuple[IpAdapter, ...] = ()


@dataclass(frozen=True, slots=True)
class SchedulerSpec:
    """A scheduler to use instead of the model's own: the diffusers class, and options that override its config."""

    class_name: str | None
    options: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Determinism:
    """The numeric switches a case asks for; a capture's environment says which ones took effect.

    `portable` asks for the same bits on every x86-64 CPU with AVX2, from what the CPU computes.
    """

    algorithms: bool = True
    cublas_workspace: str | None = ":4096:8"
    cudnn_benchmark: bool = False
    cudnn_deterministic: bool = True
    tf32: bool = False
    attention: Attention = Attention.MATH
    threads: int = 1
    portable: bool = True


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file named by `$file` in `call`: the path as written, the absolute path, and the sha256 of its content."""

    name: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """A published figure: one statistic of one output, met when within `abs_tol` of `value`."""

    output: str
    statistic: str
    value: float
    abs_tol: float
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One fully specified pipeline run.

    `base` is the folder of the config file `source`, which paths are relative to; `line`, from 1, is where that file
    defines the case, `entry` which case of the file it is, from 0. `steps` is an int for
    `num_inference_steps`, a mapping for pipelines with several (see `step_argument`), or None to keep the
    pipeline's default. `devices` are the kinds of device (cpu, cuda, mps) that the case may run on; all of
    them if it is empty. `trace` is how much of the run is recorded, None for what `trace_level` chooses;
    `forced` adds forced replay to every verification; `accept_exact` are patterns of exact findings that do
    not fail the case; `invariants` hold between a run and a variation of it, whatever the golden says.
    `min_sensitivity` is the share of planted faults that the limits have to catch.
    """

    id: str
    source: str
    base: str
    pipeline: str
    model: ModelSpec
    scheduler: SchedulerSpec | None = None
    steps: int | Mapping[str, int] | None = None
    seed: int | None = 0
    generator: GeneratorKind = GeneratorKind.CPU
    call: Values = field(default_factory=dict)
    inputs: tuple[InputFile, ...] = ()
    variant: Variant = Variant()
    before: tuple[Preparation, ...] = ()
    determinism: Determinism = Determinism()
    tolerance: Tolerance = Tolerance()
    expect: tuple[Expectation, ...] = ()
    allow_nondeterministic: bool = False
    golden_optional: bool = False
    tags: tuple[str, ...] = ()
    timeout: float = 600.0
    devices: tuple[str, ...] = ()
    trace: TraceLevel | None = None
    forced: bool = False
    accept_exact: tuple[str, ...] = ()
    min_sensitivity: float | None = None
    invariants: tuple[Invariant, ...] = ()
    line: int = 1
    entry: int = 0

    @property
    def trace_level(self) -> TraceLevel:
        """The level asked for; else FULL for forced replay and the built-in models, which are small."""
        if self.trace is not None:
            return self.trace
        full = self.forced or self.model.id.startswith(BUILTIN)
        return TraceLevel.FULL if full else TraceLevel.COMPONENTS

    def definition(self) -> Values:
        """What decides the case's output; default values are left out, except `portable`.

        Leaving defaults out keeps old goldens valid when a later version adds an option. `portable` is always
        included: a golden from before this option has other bits than the default now gives. The thread
        count is also left out: it is an effective switch of the environment, which the relation
        covers, and the same definition may run with another count. So is the reason for a floating
        revision, which decides nothing.
        """
        determinism = _without_defaults(asdict(self.determinism), asdict(Determinism()))
        determinism.pop("threads", None)
        determinism["portable"] = self.determinism.portable
        model = _without_defaults(asdict(self.model), asdict(ModelSpec(id="")))
        model.pop("floating", None)
        optional: dict[str, object] = {
            "scheduler": None if self.scheduler is None else asdict(self.scheduler),
            "steps": self.steps,
            "call": dict(self.call),
            "inputs": {file.name: file.sha256 for file in self.inputs},
            "variant": _without_defaults(asdict(self.variant), asdict(Variant())),
            "before": [asdict(step) for step in self.before],
            "determinism": determinism,
        }
        return {
            "pipeline": self.pipeline,
            "model": model,
            "seed": self.seed,
            "generator": str(self.generator),
            **{key: value for key, value in optional.items() if value not in (None, {}, [])},
        }

    def step_arguments(self) -> Mapping[str, int]:
        """`steps` as keyword arguments of the pipeline's call."""
        if self.steps is None:
            return {}
        if isinstance(self.steps, int):
            return {STEPS_ARGUMENT: self.steps}
        return {step_argument(stage): count for stage, count in self.steps.items()}

    def digest(self) -> str:
        """The sha256, in hex, of the definition as canonical JSON; a golden with another one is `stale`."""
        return digest_of(self.definition())


def digest_of(definition: Values) -> str:
    """The digest that a case with this definition has; raises ValueError for numbers that are not finite."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def step_argument(stage: str) -> str:
    """The argument that the key `stage` of a `steps` mapping sets: `prior` gives `prior_num_inference_steps`.

    A key that ends in `num_inference_steps` is the argument's whole name.
    """
    return stage if stage.endswith(STEPS_ARGUMENT) else f"{stage}_{STEPS_ARGUMENT}"


def _without_defaults(values: dict[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value != defaults[key]}


def definition_changes(golden: Values, now: Values) -> tuple[Change, ...]:
    """The entries in which two definitions differ, by dotted key; a list counts as one entry."""
    ours, theirs = dict(_flat(golden)), dict(_flat(now))
    keys = sorted(ours.keys() | theirs.keys())
    return tuple(
        Change(key, ours.get(key), theirs.get(key)) for key in keys if ours.get(key) != theirs.get(key)
    )


def _flat(values: Values, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value, ensure_ascii=False)
