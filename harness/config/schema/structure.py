"""Whether one config, with its matrix expanded, has the right keys and values; what they name is not looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from harness.config.fields import NAME_PATTERN
from harness.config.forms import registry
from harness.config.forms.form import Form
from harness.config.schema import reserved
from harness.config.schema.json_schema import tree
from harness.config.schema.models import ConfigFile
from harness.config.validation import validation_problems
from harness.config.wording import joined, shown
from harness.core.case import STEPS_ARGUMENT, step_argument
from harness.core.tolerance import METRIC_TABLE, Numbers
from harness.errors import Problem

Values = Mapping[str, object]

_LEVELS = 255
_OF_IMAGES = {
    name: extreme
    for name, metric in METRIC_TABLE.items()
    if not metric.at_least
    and (extreme := metric.extreme(Numbers(_LEVELS, _LEVELS, whole=True))) is not None
    and extreme < metric.bound
}
"""The limits from which on 8-bit images pass whatever they are, though others may fail by them."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of checking: `config` is None exactly if there are problems."""

    config: ConfigFile | None
    problems: tuple[Problem, ...]


def check(values: Values) -> Checked:
    """`values` (one config without `matrix`) as a `ConfigFile`, or all that is wrong with them."""
    found = list(_across_keys(values))
    config = None
    try:
        config = ConfigFile.model_validate(values)
    except ValidationError as error:
        found = [*validation_problems(error, values, tree()), *found]
    return Checked(None if found else config, tuple(found))


def entries(values: Values, key: str) -> Iterator[tuple[str, Values]]:
    """The mappings in the list `values[key]`, each with its key; nothing if it is not a list."""
    listed = values.get(key)
    for index, entry in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(entry, Mapping):
            yield joined(key, index), entry


def adapter_name(stated: object, index: int) -> object:
    """The name of the adapter at `index` of the list."""
    return f"adapter-{index + 1}" if stated is None else stated


def _across_keys(values: Values) -> Iterator[Problem]:
    model = _mapping(values, "model")
    yield from _arguments(_mapping(values, "call"), "call", reserved.CALL, registry.FORMS)
    yield from _arguments(_mapping(model, "components"), "model.components", reserved.COMPONENTS, {})
    yield from _arguments(
        _mapping(_mapping(values, "quantization"), "options"), "quantization.options", {}, {}
    )
    yield from _scheduler_options(_mapping(values, "scheduler"))
    yield from _steps_in_call(values.get("steps"), _mapping(values, "call"))
    yield from _stages_given_twice(_mapping(values, "steps"), _mapping(values, "call"))
    yield from _preparations(values)
    yield from _given_twice(values)
    yield from _limit_problems(values)
    if values.get("seed", 0) is None and values.get("generator", "cpu") in ("cpu", "device"):
        yield Problem("", "seed", "null", "a generator needs a seed; give a number, or `generator: none`")
    if values.get("forced") is True and values.get("trace", "full") not in ("full", None):
        yield Problem(
            "", "trace", shown(values["trace"]), "forced replay needs the tensors: `full`, or leave it out"
        )
    if values.get("golden") == "optional" and not values.get("expect"):
        yield Problem(
            "", "golden", "optional", "nothing judges this case without a golden; give a figure in `expect`"
        )


def _arguments(
    arguments: Values, path: str, refused: Mapping[str, str], allowed: Mapping[str, Form]
) -> Iterator[Problem]:
    for name, value in arguments.items():
        if name in refused:
            yield Problem("", joined(path, name), shown(value), reserved.told("sets", refused[name]))
        yield from registry.problems(value, joined(path, name), allowed)


def _scheduler_options(scheduler: Values) -> Iterator[Problem]:
    for name, value in scheduler.items():
        key = joined("scheduler", name)
        if not re.fullmatch(NAME_PATTERN[1:-1], name):
            yield Problem("", key, shown(value), "not a valid option name; use letters, digits and '_'")
        yield from registry.problems(value, key, {})


def _steps_in_call(steps: object, call: Values) -> Iterator[Problem]:
    """`call.num_inference_steps`, another name for `steps` (see `build`)."""
    key, count = f"call.{STEPS_ARGUMENT}", call.get(STEPS_ARGUMENT)
    if type(steps) is int and steps > 0 and STEPS_ARGUMENT in call:
        yield Problem("", key, shown(count), "`steps` sets this; keep one of the two")
    elif count is not None and (type(count) is not int or count < 1):
        yield Problem("", key, shown(count), "expected a whole number greater than 0 or null")


def _stages_given_twice(steps: Values, call: Values) -> Iterator[Problem]:
    setters: dict[str, str] = {}
    for name in steps:
        argument = step_argument(name)
        earlier = setters.setdefault(argument, name)
        if earlier != name:
            message = f"`steps.{earlier}` sets `{argument}` too; keep one of the two"
            yield Problem("", f"steps.{name}", shown(steps[name]), message)
        elif argument in call:
            message = f"`steps.{name}` sets this; keep one of the two"
            yield Problem("", f"call.{argument}", shown(call[argument]), message)


def _preparations(values: Values) -> Iterator[Problem]:
    for key, preparation in entries(values, "before"):
        method = preparation.get("method")
        if isinstance(method, str) and method in reserved.METHODS:
            message = reserved.told("calls", reserved.METHODS[method])
            yield Problem("", joined(key, "method"), shown(method), message)
        call = _mapping(preparation, "call")
        yield from _arguments(call, joined(key, "call"), reserved.BEFORE_CALL, registry.FORMS)
        if preparation.get("generator") is True and values.get("generator") == "none":
            message = (
                "`generator: none` makes no generator to pass; leave this out, or choose cpu or device there"
            )
            yield Problem("", joined(key, "generator"), "true", message)


def _given_twice(values: Values) -> Iterator[Problem]:
    """Adapters and embeddings with the same name, of which the pipeline would keep only one."""
    adapters = [
        (joined(key, "name"), adapter_name(one.get("name"), index))
        for index, (key, one) in enumerate(entries(values, "adapters"))
    ]
    tokens = [(joined(key, "token"), one.get("token")) for key, one in entries(values, "embeddings")]
    for named in (adapters, tokens):
        first: dict[str, str] = {}
        for key, name in named:
            if isinstance(name, str) and first.setdefault(name, key) != key:
                yield Problem("", key, shown(name), f"the same as `{first[name]}`; give each its own name")


def _mapping(values: Values, key: str) -> Values:
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}


def _limit_problems(values: Values) -> Iterator[Problem]:
    """Limits that cannot fail if a case asks for 8-bit images (`output_type: pil`); see `harness.judge.limits`."""
    call = values.get("call")
    if not (isinstance(call, Mapping) and call.get("output_type") == "pil"):
        return
    for key in ("tolerance", "invariants"):
        rules = values.get(key)
        for name, limits in rules.items() if isinstance(rules, Mapping) else ():
            if isinstance(limits, Mapping):
                yield from _of_images(joined(key, str(name)), limits)


def _of_images(key: str, limits: Values) -> Iterator[Problem]:
    for metric, extreme in _OF_IMAGES.items():
        limit = limits.get(metric)
        if isinstance(limit, int | float) and not isinstance(limit, bool) and limit >= extreme:
            why = f"cannot fail: `output_type: pil` gives 8-bit images; expected a number below {extreme:g}"
            yield Problem("", joined(key, metric), shown(limit), why)
