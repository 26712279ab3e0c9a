"""Whether one config, its matrix expanded, has the right keys and values; what they name is not looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from harness.config import forms, reserved
from harness.config.schema import NAME_PATTERN, ConfigFile
from harness.config.wording import joined, shown
from harness.errors import Problem

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking: `config` is None exactly when there are problems."""

    config: ConfigFile | None
    problems: tuple[Problem, ...]


def check(values: Values) -> Checked:
    """`values` (one config without `matrix`) as a `ConfigFile`, or all that is wrong with them."""
    found = list(_across_keys(values))
    config = None
    try:
        config = ConfigFile.model_validate(values)
    except ValidationError as error:
        from harness.config.complaints import complaints  # only a mistake needs the words

        found = [*complaints(error, values), *found]
    return Checked(None if found else config, tuple(found))


def _across_keys(values: Values) -> Iterator[Problem]:
    model = _mapping(values, "model")
    yield from _arguments(_mapping(values, "call"), "call", reserved.CALL, forms.FORMS)
    yield from _arguments(_mapping(model, "components"), "model.components", reserved.COMPONENTS, {})
    yield from _scheduler_options(_mapping(values, "scheduler"))
    yield from _steps_given_twice(_mapping(values, "steps"), _mapping(values, "call"))
    if values.get("seed", 0) is None and values.get("generator", "cpu") in ("cpu", "device"):
        yield Problem("", "seed", "null", "a generator needs a seed; give a number, or `generator: none`")
    if values.get("golden") == "optional" and not values.get("expect"):
        yield Problem(
            "", "golden", "optional", "without a golden nothing judges this case; give a figure in `expect`"
        )


def _arguments(
    arguments: Values, path: str, refused: Mapping[str, str], allowed: Mapping[str, forms.Form]
) -> Iterator[Problem]:
    for name, value in arguments.items():
        if name in refused:
            yield Problem(
                "", joined(path, name), shown(value), f"the harness sets this itself; {refused[name]}"
            )
        yield from forms.problems(value, joined(path, name), allowed)


def _scheduler_options(scheduler: Values) -> Iterator[Problem]:
    for name, value in scheduler.items():
        key = joined("scheduler", name)
        if not re.fullmatch(NAME_PATTERN[1:-1], name):
            yield Problem("", key, shown(value), "not the name of an option; use letters, digits and '_'")
        yield from forms.problems(value, key, {})


def _steps_given_twice(steps: Values, call: Values) -> Iterator[Problem]:
    for name in steps:
        argument = f"{name}_num_inference_steps"
        if argument in call:
            yield Problem(
                "",
                f"call.{argument}",
                shown(call[argument]),
                f"`steps.{name}` sets this; keep one of the two",
            )


def _mapping(values: Values, key: str) -> Values:
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}
