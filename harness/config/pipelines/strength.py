"""Whether steps and strength leave any step, by the arithmetic in the pipeline's source.

Pipelines that change a picture start from a partly noised picture, and so run only some of the steps. Their
`get_timesteps` decides how many; its statements are evaluated here with the case's numbers.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from harness.config.pipelines.signatures import CALL, ClassText, installed_class, method
from harness.config.wording import shown
from harness.core.case import STEPS_ARGUMENT, Case
from harness.errors import Problem

GET_TIMESTEPS = "get_timesteps"

_DECIDE_OTHERWISE = ("timesteps", "sigmas", "denoising_start", "enforce_inference_steps")
"""Arguments that decide the steps instead, if given."""

_MOST_STEPS = 1000
_ONE_MORE = ("PNDMScheduler", "SCMScheduler")
"""Schedulers of order 1 with more timesteps than steps (PNDM from two steps on)."""

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {"int": int, "max": max, "min": min, "round": round}


class _NotUnderstood(Exception):
    """The source contains something that is not evaluated here; then no problem is reported."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A scheduler with a set number of steps: its `order`, and how many timesteps it has."""

    order: int
    timesteps: int


@dataclass(frozen=True, slots=True)
class Left:
    """The result of a pipeline's `get_timesteps`: how many timesteps, and the number of steps."""

    timesteps: int
    steps: int


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How a pipeline derives the steps that it runs from steps and strength.

    `passed` are the expressions that its call passes to `function`, by parameter; `names` the defaults of the
    call's own parameters; `strict` says whether the call refuses fewer than one step, whatever the scheduler has.
    """

    function: ast.FunctionDef
    passed: Mapping[str, ast.expr]
    names: Mapping[str, object]
    strict: bool

    def left(self, given: Mapping[str, object], schedule: Schedule) -> Left | None:
        """What is left for the arguments `given` to the call; None if the source does not tell."""
        values = {**self.names, **given}
        try:
            handed = {name: self._handed(name, one, values, schedule) for name, one in self.passed.items()}
            return _result(self.function.body, {**_defaults(self.function), **handed}, schedule)
        except (_NotUnderstood, TypeError, ValueError, ArithmeticError):
            return None

    def leaves_none(self, given: Mapping[str, object], schedule: Schedule) -> bool:
        """Whether no step is left; False if the source does not tell."""
        left = self.left(given, schedule)
        return left is not None and (not left.timesteps or (self.strict and left.steps < 1))

    @property
    def strength(self) -> str | None:
        """The argument of the call that is passed on as strength."""
        expression = self.passed.get("strength")
        return expression.id if isinstance(expression, ast.Name) else None

    def _handed(
        self, name: str, expression: ast.expr, values: Mapping[str, object], schedule: Schedule
    ) -> object:
        if name in ("timesteps", "sigmas"):
            return range(schedule.timesteps)
        if isinstance(expression, ast.Name):
            return values.get(expression.id)
        # Whether it is given was checked before; other expressions check that it is valid.
        return values.get(name) if name in _DECIDE_OTHERWISE else _evaluated(expression, values, schedule)


def problems(case: Case, pipeline: ClassText, scheduler: str | None) -> Iterator[Problem]:
    """A problem if steps and strength leave no step; `scheduler` is its class, None if unknown."""
    found = arithmetic(pipeline)
    if found is None or found.strength is None or any(case.call.get(name) for name in _DECIDE_OTHERWISE):
        return
    given = {**case.call, **case.step_arguments()}
    steps, strength = ({**found.names, **given}.get(name) for name in (STEPS_ARGUMENT, found.strength))
    if not isinstance(steps, int) or not isinstance(strength, int | float):
        return
    if all(found.leaves_none(given, one) for one in schedules(scheduler, steps)):
        key = f"call.{found.strength}" if found.strength in case.call else "steps"
        value = shown(strength if found.strength in case.call else steps)
        by_default = "" if found.strength in case.call else ", its default"
        yield Problem(
            case.source,
            key,
            value,
            f"{pipeline.name} runs none of its {steps} steps at {found.strength} {strength}{by_default}; "
            f"accepted: {_accepted(found, given, scheduler)}",
        )


def schedules(scheduler: str | None, steps: int) -> tuple[Schedule, ...]:
    """What the `scheduler`, a class of diffusers, may make of `steps`; for an unknown one, anything usual."""
    one_more = Schedule(1, steps + (steps > 1))
    second_order = Schedule(2, 2 * steps - 1)
    named = installed_class(scheduler) if scheduler else None
    if named is None:
        return Schedule(1, steps), one_more, second_order
    if named.name in _ONE_MORE:
        return (one_more if named.name == _ONE_MORE[0] else Schedule(1, steps + 1),)
    return (second_order if re.search(r"^\s+order = 2$", named.text, re.MULTILINE) else Schedule(1, steps),)


def arithmetic(pipeline: ClassText) -> Arithmetic | None:
    """The arithmetic of the pipeline's call; None if it has none, or none that can be evaluated."""
    call, function = method(pipeline, CALL), method(pipeline, GET_TIMESTEPS)
    if call is None or function is None:
        return None
    calls = [
        node for node in ast.walk(call) if isinstance(node, ast.Call) and _is_method(node, GET_TIMESTEPS)
    ]
    if not calls or len({ast.dump(one) for one in calls}) > 1 or _reassigned(call, calls[0].lineno):
        return None
    parameters = [one.arg for one in function.args.args[1:]]
    passed = dict(zip(parameters, calls[0].args, strict=False))
    passed |= {one.arg: one.value for one in calls[0].keywords if one.arg}
    return Arithmetic(function, passed, _defaults(call), _is_strict(call))


def _accepted(found: Arithmetic, given: Mapping[str, object], scheduler: str | None) -> str:
    """The fewest steps that leave one at the given strength, or a greater strength."""
    for steps in range(1, _MOST_STEPS + 1):
        tried = {**given, STEPS_ARGUMENT: steps}
        if not any(found.leaves_none(tried, one) for one in schedules(scheduler, steps)):
            return f"`steps: {steps}` or more, or a greater {found.strength}"
    return f"a greater {found.strength}"


def _is_method(node: ast.Call, name: str) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == name


def _is_strict(call: ast.FunctionDef) -> bool:
    """Whether the call raises if its number of steps is below one."""
    return any(
        isinstance(node, ast.If)
        and ast.unparse(node.test) == f"{STEPS_ARGUMENT} < 1"
        and any(isinstance(inner, ast.Raise) for inner in node.body)
        for node in ast.walk(call)
    )


def _reassigned(call: ast.FunctionDef, line: int) -> bool:
    """Whether the call changes its number of steps in its own way before the line that passes it on."""
    return any(
        isinstance(node, ast.Assign)
        and node.lineno < line
        and any(isinstance(target, ast.Name) and target.id == STEPS_ARGUMENT for target in node.targets)
        and ast.unparse(node.value) != "len(timesteps)"
        for node in ast.walk(call)
    )


def _defaults(function: ast.FunctionDef) -> dict[str, object]:
    """The defaults of a function's parameters that are plain values."""
    takes = function.args
    names = [*takes.posonlyargs, *takes.args][-len(takes.defaults) :] if takes.defaults else []
    pairs = [*zip(names, takes.defaults, strict=True), *zip(takes.kwonlyargs, takes.kw_defaults, strict=True)]
    return {name.arg: value.value for name, value in pairs if isinstance(value, ast.Constant)}


def _result(body: list[ast.stmt], values: Mapping[str, object], schedule: Schedule) -> Left:
    known = dict(values)
    for statement in _followed(body, known, schedule):
        if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Tuple):
            returned = [_evaluated(one, known, schedule) for one in statement.value.elts]
            timesteps = next((one for one in returned if isinstance(one, range)), None)
            if timesteps is not None and isinstance(returned[-1], int):
                return Left(len(timesteps), returned[-1])
    raise _NotUnderstood


def _followed(body: list[ast.stmt], known: dict[str, object], schedule: Schedule) -> Iterator[ast.stmt]:
    """The return statements reached in `body`; its assignments go into `known`."""
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                known[name] = _evaluated(value, known, schedule)
            case ast.If(test=ast.Call(func=ast.Name(id="hasattr"))):
                pass  # It tells the scheduler where to begin, which changes no count.
            case ast.If(test=test, body=then, orelse=otherwise):
                yield from _followed(
                    then if _evaluated(test, known, schedule) else otherwise, known, schedule
                )
            case ast.Return():
                yield statement
            case ast.Expr():
                pass
            case _:
                raise _NotUnderstood


def _evaluated(node: ast.expr, known: Mapping[str, object], schedule: Schedule) -> object:
    def of(inner: ast.expr) -> float:
        value = _evaluated(inner, known, schedule)
        if not isinstance(value, int | float):
            raise _NotUnderstood
        return value

    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Attribute(attr="order"):
            return schedule.order
        case ast.Attribute(attr="timesteps"):
            return range(schedule.timesteps)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](of(left), of(right))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*map(of, arguments))
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return _evaluated(left, known, schedule) is None
        case ast.Subscript(value=value, slice=ast.Slice(lower=lower, upper=None, step=None)) if lower:
            whole = _evaluated(value, known, schedule)
            if isinstance(whole, range):
                return whole[int(of(lower)) :]
    raise _NotUnderstood
