"""Builds the case that other layers use from a checked config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, Literal, cast

from harness.config.schema.models import (
    ConfigFile,
    InvariantRules,
    MetricLimits,
    Model,
    Scheduler,
    ToleranceRules,
)
from harness.config.schema.structure import adapter_name
from harness.config.schema.variant import Adapter as AddedAdapter
from harness.config.schema.variant import Embedding as AddedEmbedding
from harness.config.schema.variant import IpAdapter as AddedIpAdapter
from harness.core.case import (
    STEPS_ARGUMENT,
    Adapter,
    Attention,
    Case,
    Compile,
    Determinism,
    Embedding,
    Expectation,
    GeneratorKind,
    InputFile,
    IpAdapter,
    Memory,
    ModelSpec,
    Offload,
    Preparation,
    Quantization,
    SchedulerSpec,
    Values,
    Variant,
)
from harness.core.invariant import Invariant, InvariantKind
from harness.core.tolerance import CALIBRATED, METRICS, Allowance, Limits, Rule, Tolerance
from harness.core.trace import TraceLevel


def build(config: ConfigFile, name: str, source: str, base: str, inputs: tuple[InputFile, ...]) -> Case:
    """The case `name` that `config` describes; `source` is its file, `base` that file's absolute folder.

    A key that the case has under the same name goes there as it is, lists as tuples without repetition.
    """
    steps, call = _steps_and_call(config)
    made: dict[str, Any] = {
        "model": _model(config.model),
        "scheduler": _scheduler(config.scheduler),
        "steps": steps,
        "generator": GeneratorKind(config.generator),
        "call": call,
        "variant": _variant(config),
        "before": tuple(Preparation(**dict(step)) for step in config.before),
        "determinism": Determinism(
            **{**dict(config.determinism), "attention": Attention(config.determinism.attention)}
        ),
        "tolerance": _tolerance(config.tolerance),
        "expect": tuple(Expectation(**dict(figure)) for figure in config.expect),
        "allow_nondeterministic": config.nondeterministic == "allow",
        "golden_optional": config.golden == "optional",
        "trace": None if config.trace is None else TraceLevel(config.trace),
        "invariants": tuple(_invariants(config.invariants)),
    }
    same = {field: _frozen(getattr(config, field)) for field in _SHARED if field not in made}
    return Case(id=name, source=source, base=base, inputs=inputs, **same, **made)


_SHARED = [field.name for field in fields(Case) if field.name in ConfigFile.model_fields]
"""What a config and a case have under one name."""


def _frozen(value: object) -> Any:
    return tuple(dict.fromkeys(value)) if isinstance(value, list) else value


def _steps_and_call(config: ConfigFile) -> tuple[int | Mapping[str, int] | None, Values]:
    """`steps` and `call`; a step count given in the call by its name means the same and has the same digest."""
    count = config.call.get(STEPS_ARGUMENT)
    if config.steps is None and isinstance(count, int):
        return count, {name: value for name, value in config.call.items() if name != STEPS_ARGUMENT}
    return config.steps, config.call


def _model(model: Model) -> ModelSpec:
    stated = model.dtype if isinstance(model.dtype, Mapping) else {"default": model.dtype}
    default = stated.get("default", "float32")
    others = {name: dtype for name, dtype in stated.items() if name != "default" and dtype != default}
    return ModelSpec(**{**dict(model), "dtype": default, "dtypes": others})


def _variant(config: ConfigFile) -> Variant:
    adapters = [
        {**_decisive(one), "name": adapter_name(one.name, index)} for index, one in enumerate(config.adapters)
    ]
    compiled, quantized = config.compile, config.quantization
    return Variant(
        adapters=tuple(Adapter(**one) for one in adapters),
        ip_adapters=tuple(IpAdapter(**_decisive(one)) for one in config.ip_adapters),
        embeddings=tuple(Embedding(**_decisive(one)) for one in config.embeddings),
        memory=Memory(**{**dict(config.memory), "offload": Offload(config.memory.offload)}),
        channels_last=tuple(dict.fromkeys(config.channels_last)),
        compile=Compile(**_with_tuple(dict(compiled))) if compiled else None,
        quantization=Quantization(**_with_tuple(dict(quantized))) if quantized else None,
    )


def _decisive(addition: AddedAdapter | AddedIpAdapter | AddedEmbedding) -> dict[str, Any]:
    """The keys of an addition, without the reason for its floating revision."""
    return {name: value for name, value in addition if name != "floating"}


def _with_tuple(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "components": tuple(dict.fromkeys(values["components"]))}


def _scheduler(scheduler: Scheduler | None) -> SchedulerSpec | None:
    options: Mapping[str, object] = (scheduler.model_extra or {}) if scheduler else {}
    if scheduler is None or (scheduler.class_name is None and not options):
        return None
    return SchedulerSpec(scheduler.class_name, dict(options))


def _tolerance(rules: Literal["calibrated"] | ToleranceRules) -> Tolerance:
    """The stated relations; all others keep the harness's defaults."""
    if isinstance(rules, str):
        return CALIBRATED
    return Tolerance(
        **{relation: _allowance(getattr(rules, relation)) for relation in rules.model_fields_set}
    )


def _invariants(rules: InvariantRules) -> Iterator[Invariant]:
    """The stated ones in the harness's order, whatever the order in the file, so that the order makes no difference."""
    for kind in InvariantKind:
        stated = getattr(rules, kind) if kind in rules.model_fields_set else None
        if stated is not None:
            options = {} if isinstance(stated, str) else dict(stated)
            given = {name: value for name, value in options.items() if name not in METRICS}
            lists = {
                name: tuple(dict.fromkeys(value)) for name, value in given.items() if isinstance(value, list)
            }
            yield Invariant(kind, _allowance(stated), **{**given, **lists})


def _allowance(stated: str | MetricLimits) -> Allowance:
    if isinstance(stated, MetricLimits):
        limits = stated.model_fields_set & MetricLimits.model_fields.keys()
        return Limits(
            **{name: float(cast(float, getattr(stated, name))) for name in METRICS if name in limits}
        )
    return Rule(stated)
