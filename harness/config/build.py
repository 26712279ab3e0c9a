"""From a checked config to the case that the other layers know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from harness.config.schema import ConfigFile, MetricLimits, Scheduler, ToleranceRules
from harness.core.case import (
    Attention,
    Case,
    Determinism,
    Expectation,
    GeneratorKind,
    InputFile,
    ModelSpec,
    SchedulerSpec,
)
from harness.core.tolerance import Allowance, Limits, Rule, Tolerance


def build(config: ConfigFile, name: str, source: str, base: str, inputs: tuple[InputFile, ...]) -> Case:
    """The case `name` that `config` describes; `source` is its file, `base` that file's absolute folder."""
    return Case(
        id=name,
        source=source,
        base=base,
        pipeline=config.pipeline,
        model=ModelSpec(**dict(config.model)),
        scheduler=_scheduler(config.scheduler),
        steps=config.steps,
        seed=config.seed,
        generator=GeneratorKind(config.generator),
        call=config.call,
        inputs=inputs,
        determinism=Determinism(
            **{**dict(config.determinism), "attention": Attention(config.determinism.attention)}
        ),
        tolerance=_tolerance(config.tolerance),
        expect=tuple(Expectation(**dict(figure)) for figure in config.expect),
        allow_nondeterministic=config.nondeterministic == "allow",
        golden_optional=config.golden == "optional",
        tags=tuple(dict.fromkeys(config.tags)),
        timeout=config.timeout,
    )


def _scheduler(scheduler: Scheduler | None) -> SchedulerSpec | None:
    options: Mapping[str, object] = (scheduler.model_extra or {}) if scheduler else {}
    if scheduler is None or (scheduler.class_name is None and not options):
        return None
    return SchedulerSpec(scheduler.class_name, dict(options))


def _tolerance(rules: ToleranceRules) -> Tolerance:
    """The stated relations; the others keep the harness's defaults."""
    return Tolerance(
        **{relation: _allowance(getattr(rules, relation)) for relation in rules.model_fields_set}
    )


def _allowance(stated: str | MetricLimits) -> Allowance:
    if isinstance(stated, MetricLimits):
        return Limits(**{name: float(cast(float, getattr(stated, name))) for name in stated.model_fields_set})
    return Rule(stated)
