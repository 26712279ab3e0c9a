"""Compare what two pipelines are made of: configs, modules' attributes, train mode, and names of code."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.core.trace import ComponentStructure, ModuleAttributes, Structure

FLOAT_TOLERANCE = 1e-9
"""Relative; JSON or a float32 attribute may lose this much, far too little to move a result."""

_SHOWN = 80  # characters of a value

_ACTIVATIONS = frozenset(
    {
        *("celu", "elu", "fastgelu", "gelu", "gelutanh", "newgelu", "geluapproximate", "geglu", "hardswish"),
        *("leakyrelu", "mish", "prelu", "quickgelu", "relu", "relu2", "relu6", "relusquared", "selu"),
        *("sigmoid", "silu", "snakebeta", "softplus", "softsign", "swiglu", "tanh"),
    }
)
_SAME_ACTIVATION = {"swish": "silu", "gelunew": "newgelu"}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference: `name` is its full dotted name, `what` the last part or parts of it.

    `scope` is what it belongs to (component, kind of event); `at` counts the event's calls, None for the
    structure. A side that lacks it is None. `fails` says whether it can change a number.
    """

    name: str
    scope: str
    what: str
    golden: str | None
    now: str | None
    fails: bool
    at: int | None = None


def structure_mismatches(golden: Structure, now: Structure) -> Iterator[Mismatch]:
    """All differences between the two structures, component by component, in the golden's order."""
    for name in dict.fromkeys((*golden.components, *now.components)):
        ours, theirs = golden.components.get(name), now.components.get(name)
        if ours is None or theirs is None:
            one, two = (None if side is None else side.class_name for side in (ours, theirs))
            yield Mismatch(name, name, "", one, two, fails=False)
        else:
            yield from _kind(name, name, "class", ours.class_name, theirs.class_name)
            yield from _values(f"{name}.config", name, ours.config, theirs.config, prefix="config.")
            yield from _modules(name, (golden, ours), (now, theirs))


def value_mismatches(
    name: str, scope: str, golden: Mapping[str, object], now: Mapping[str, object]
) -> Iterator[Mismatch]:
    """Entries that differ, by key; an entry that only one side has does not fail."""
    yield from _values(name, scope, golden, now)


def shown(value: object) -> str:
    """A value for people to read, shortened if it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def differs(golden: object, now: object) -> bool:
    """Whether two JSON values differ; numbers that agree to FLOAT_TOLERANCE do not."""
    if isinstance(golden, list | tuple) and isinstance(now, list | tuple):
        return len(golden) != len(now) or any(map(differs, golden, now))
    if isinstance(golden, int | float) and isinstance(now, int | float):
        if isinstance(golden, int) and isinstance(now, int):
            return golden != now
        both_nan = math.isnan(golden) and math.isnan(now)
        return not (both_nan or math.isclose(golden, now, rel_tol=FLOAT_TOLERANCE))
    return golden != now


def _modules(
    name: str, golden: tuple[Structure, ComponentStructure], now: tuple[Structure, ComponentStructure]
) -> Iterator[Mismatch]:
    (whole, ours), (other_whole, theirs) = golden, now
    yield from _module_paths(name, list(ours.modules), list(theirs.modules))
    known: dict[tuple[int, int], tuple[Mismatch, ...]] = {}
    for path, number in ours.modules.items():
        if path not in theirs.modules:
            continue
        pair = number, theirs.modules[path]
        if pair not in known:
            sides = whole.attributes[number], other_whole.attributes[pair[1]]
            known[pair] = tuple(_attributes(*sides))
        for found in known[pair]:
            yield _at(found, name, path)
        mode, other_mode = _mode(path, ours), _mode(path, theirs)
        if mode != other_mode:
            yield _at(Mismatch("", "", "training", mode, other_mode, fails=True), name, path)


def _mode(path: str, component: ComponentStructure) -> str:
    return "train" if path in component.training else "eval"


def _at(found: Mismatch, component: str, path: str) -> Mismatch:
    name = ".".join(part for part in (component, path, found.what) if part)
    return Mismatch(name, component, found.what, found.golden, found.now, found.fails)


def _attributes(golden: ModuleAttributes, now: ModuleAttributes) -> Iterator[Mismatch]:
    yield from _values("", "", golden.values, now.values)
    for key in dict.fromkeys((*golden.kinds, *now.kinds)):
        yield from _kind("", "", key, golden.kinds.get(key), now.kinds.get(key))


def _module_paths(name: str, golden: list[str], now: list[str]) -> Iterator[Mismatch]:
    """Modules that only one side has, as one mismatch: releases move modules harmlessly."""
    ours, theirs = set(golden), set(now)
    lost, new = [one for one in golden if one not in theirs], [one for one in now if one not in ours]
    if lost or new:
        yield Mismatch(f"{name}.modules", name, "modules", _several(lost), _several(new), fails=False)


def _several(names: list[str]) -> str | None:
    if not names:
        return None
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _values(
    name: str, scope: str, golden: Mapping[str, object], now: Mapping[str, object], prefix: str = ""
) -> Iterator[Mismatch]:
    ours, theirs = dict(_flat(golden)), dict(_flat(now))
    for key in dict.fromkeys((*ours, *theirs)):
        full = f"{name}.{key}" if name else key
        if key not in ours or key not in theirs:
            one, two = (shown(side[key]) if key in side else None for side in (ours, theirs))
            yield Mismatch(full, scope, f"{prefix}{key}", one, two, fails=False)
        elif differs(ours[key], theirs[key]):
            one, two = shown(ours[key]), shown(theirs[key])
            fails = not _same_code(ours[key], theirs[key])
            yield Mismatch(full, scope, f"{prefix}{key}", one, two, fails)


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _kind(name: str, scope: str, key: str, golden: str | None, now: str | None) -> Iterator[Mismatch]:
    """The name of a piece of code does not fail, unless it names a different activation."""
    if golden != now:
        full = f"{name}.{key}" if name else key
        yield Mismatch(full, scope, key, golden, now, fails=_other_activation(golden, now))


def _other_activation(golden: str | None, now: str | None) -> bool:
    if golden is None or now is None:
        return False
    ours, theirs = _activation(golden), _activation(now)
    return ours != theirs and not {ours, theirs}.isdisjoint(_ACTIVATIONS)


def _activation(name: str) -> str:
    """`SiLU`, `torch.nn.functional.silu` and `SiLUActivation` are one: silu."""
    bare = name.rpartition(".")[2].lower().replace("_", "")
    bare = bare.removesuffix("activation").removeprefix("pytorch")
    return _SAME_ACTIVATION.get(bare, bare)


def _same_code(golden: object, now: object) -> bool:
    """Whether both name the same function in different modules."""
    if not (isinstance(golden, str) and isinstance(now, str)):
        return False
    dotted = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
    named = dotted.fullmatch(golden) and dotted.fullmatch(now)
    return bool(named) and _activation(golden) == _activation(now)
