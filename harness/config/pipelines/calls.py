"""Whether pipelines and schedulers take what cases pass: generator, steps, `call`, earlier calls, options."""

from __future__ import annotations

import ast
import json
from collections.abc import Collection, Iterator
from pathlib import Path

from harness import zoo
from harness.config.pipelines import strength
from harness.config.pipelines.classes import AUTO
from harness.config.pipelines.own import own_pipeline
from harness.config.pipelines.signatures import (
    CALL,
    CONSTRUCTOR,
    ClassText,
    NoMethod,
    Signature,
    Unreadable,
    class_in,
    defined_in,
    installed_class,
    signature,
)
from harness.config.pipelines.signatures import method as definition
from harness.config.wording import joined, listing, shown, suggestion
from harness.core import preparations
from harness.core.case import BUILTIN, STEPS_ARGUMENT, Case, GeneratorKind, Preparation, Values, step_argument
from harness.errors import Problem


def problems(case: Case) -> Iterator[Problem]:
    """What the pipeline and the scheduler of `case` do not take, or lack.

    Pipelines whose source does not tell (those that choose their class on loading, those of a hub model
    with `pipeline: auto`) have no problems here.
    """
    yield from _scheduler_problems(case)
    pipeline = _class_of(case)
    takes = signature(pipeline, CALL) if pipeline else Unreadable()
    if pipeline is None or not isinstance(takes, Signature):
        return
    yield from _generator_problems(case, pipeline.name, takes)
    yield from _steps_problems(case, pipeline.name, takes)
    yield from _argument_problems(case, "call", case.call, pipeline.name, takes)
    given = {
        *case.call,
        *case.step_arguments(),
        *(() if case.generator is GeneratorKind.NONE else ("generator",)),
    }
    yield from _missing(case, "call", given, pipeline.name, takes)
    if any(name.endswith("strength") for name in takes.names):
        yield from strength.problems(case, pipeline, _scheduler_of(case))
    for index, preparation in enumerate(case.before):
        yield from _preparation_problems(case, joined("before", index), preparation, pipeline)


def _scheduler_problems(case: Case) -> Iterator[Problem]:
    """Options that the named scheduler's constructor does not take; `from_config` would drop them silently."""
    spec = case.scheduler
    named = installed_class(spec.class_name) if spec and spec.class_name else None
    takes = signature(named, CONSTRUCTOR) if named else Unreadable()
    if spec is not None and named is not None and isinstance(takes, Signature):
        yield from _argument_problems(case, "scheduler", spec.options, named.name, takes)


def _class_of(case: Case) -> ClassText | None:
    own = own_pipeline(case.pipeline)
    if own:
        return class_in(Path(case.base, own.file), own.class_name)
    name = _named_by_model(case) if case.pipeline == AUTO else case.pipeline
    return installed_class(name) if name else None


def _scheduler_of(case: Case) -> str | None:
    """The class of the case's scheduler: its own, or the one that comes with a model on this machine."""
    if case.scheduler and case.scheduler.class_name:
        return case.scheduler.class_name
    named = _model_index(case).get("scheduler")
    name = named[-1] if isinstance(named, list) and named else None
    return name if isinstance(name, str) else None


def _named_by_model(case: Case) -> str | None:
    """The class named in the model's `model_index.json`, if the model is on this machine."""
    named = _model_index(case).get("_class_name")
    return named if isinstance(named, str) else None


def _model_index(case: Case) -> Values:
    name = case.model.id
    try:
        folder = (
            zoo.model_dir(name.removeprefix(BUILTIN)) if name.startswith(BUILTIN) else Path(case.base, name)
        )
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return index if isinstance(index, dict) else {}


def _generator_problems(case: Case, pipeline: str, takes: Signature) -> Iterator[Problem]:
    if case.generator is not GeneratorKind.NONE and not _accepts(takes, "generator"):
        message = f"{pipeline} takes no `generator`; write `generator: none`. {_it_takes(takes)}"
        yield Problem(case.source, "generator", shown(str(case.generator)), message)


def _steps_problems(case: Case, pipeline: str, takes: Signature) -> Iterator[Problem]:
    stages = (
        {} if isinstance(case.steps, int) else {step_argument(stage): stage for stage in case.steps or {}}
    )
    for argument, count in case.step_arguments().items():
        if not _accepts(takes, argument):
            key = f"steps.{stages[argument]}" if stages else "steps"
            advice = _other_steps(takes, count)
            message = f"{pipeline} takes no `{argument}`; {advice}. {_it_takes(takes)}"
            yield Problem(case.source, key, shown(count), message)


def _other_steps(takes: Signature, count: int) -> str:
    """How to write the steps as the pipeline takes them."""
    names = [name for name in takes.names if name.endswith(STEPS_ARGUMENT)]
    if names == [STEPS_ARGUMENT]:
        return f"write `steps: {count}`"
    stages = ", ".join(f"{name.removesuffix(f'_{STEPS_ARGUMENT}')}: {count}" for name in names)
    return f"write `steps: {{{stages}}}`" if names else "leave `steps` out"


def _argument_problems(case: Case, key: str, call: Values, what: str, takes: Signature) -> Iterator[Problem]:
    for name, value in call.items():
        if not _accepts(takes, name):
            hint = suggestion(name, takes.names) or "."
            message = f"{what} takes no `{name}`{hint} {_it_takes(takes)}"
            yield Problem(case.source, joined(key, name), shown(value), message)


def _missing(case: Case, key: str, given: Collection[str], what: str, takes: Signature) -> Iterator[Problem]:
    for name in takes.required:
        if name not in given:
            message = f"missing; {what} cannot be called without it. {_it_takes(takes)}"
            yield Problem(case.source, joined(key, name), None, message)


def _preparation_problems(
    case: Case, key: str, preparation: Preparation, pipeline: ClassText
) -> Iterator[Problem]:
    method = preparation.method
    takes = signature(pipeline, method)
    if isinstance(takes, NoMethod):
        accepted = [one for one in takes.methods if _may_be_called(pipeline, one)]
        hint = suggestion(method, accepted) or "."
        message = f"{pipeline.name} has no such method{hint} A case may call: {listing(accepted)}"
        yield Problem(case.source, joined(key, "method"), shown(method), message)
    if not isinstance(takes, Signature):
        return
    if not preparations.may_be_called(method, defined_in(pipeline, method)):
        message = preparations.refusal(pipeline.name)
        yield Problem(case.source, joined(key, "method"), shown(method), message)
        return
    what = f"{pipeline.name}.{method}"
    if preparation.generator and not _accepts(takes, "generator"):
        message = f"{what} takes no `generator`; leave it out. {_it_takes(takes)}"
        yield Problem(case.source, joined(key, "generator"), "true", message)
    yield from _argument_problems(case, joined(key, "call"), preparation.call, what, takes)
    given = {*preparation.call, *(("generator",) if preparation.generator else ())}
    yield from _missing(case, joined(key, "call"), given, what, takes)


def _may_be_called(pipeline: ClassText, method: str) -> bool:
    """Whether a case may call the member of this name: a property cannot be called."""
    text = definition(pipeline, method)
    decorated = [] if text is None else map(ast.unparse, text.decorator_list)
    is_property = any(one.endswith(("property", ".setter")) for one in decorated)
    return not is_property and preparations.may_be_called(method, defined_in(pipeline, method))


def _accepts(takes: Signature, name: str) -> bool:
    return takes.takes_any or name in takes.names


def _it_takes(takes: Signature) -> str:
    return f"It takes: {', '.join(takes.names) or 'nothing'}"
