"""The pipelines, schedulers and quantization backends of the installed diffusers, read from its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from harness.config.pipelines.installed import diffusers_text
from harness.config.wording import did_you_mean, listing, nearest, suggestion

AUTO = "auto"
_NO_PIPELINE = re.compile(r".*(Output|Blocks|Config)")
_STRUCTURE = "_import_structure"
_INIT = "__init__.py"
_BACKENDS = re.compile(r"^AUTO_QUANTIZATION_CONFIG_MAPPING = \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_BACKEND = re.compile(r"^\s*[\"']([^\"']+)[\"']\s*:", re.MULTILINE)


def pipeline_problem(name: str) -> str | None:
    """What is wrong with `name` as a pipeline, or None; without diffusers installed, any name is accepted."""
    text = diffusers_text(_INIT)
    if name == AUTO or text is None or (f'"{name}"' in text and _is_pipeline(name)):
        return None
    return _unknown(name, "pipeline", [AUTO, *_names(text, "pipelines")])


def scheduler_problem(name: str) -> str | None:
    """What is wrong with `name` as a scheduler, or None; without diffusers installed, any name is accepted."""
    text = diffusers_text(_INIT)
    if text is None or (f'"{name}"' in text and _is_scheduler(name)):
        return None
    return _unknown(name, "scheduler", _names(text, "schedulers"))


def pipeline_names() -> tuple[str, ...]:
    """The pipeline classes that the installed diffusers exports; empty if it is not installed."""
    text = diffusers_text(_INIT)
    return _names(text, "pipelines") if text is not None else ()


def scheduler_names() -> tuple[str, ...]:
    """The scheduler classes that the installed diffusers exports; empty if it is not installed."""
    text = diffusers_text(_INIT)
    return _names(text, "schedulers") if text is not None else ()


def _unknown(name: str, kind: str, accepted: list[str] | tuple[str, ...]) -> str | None:
    if not set(accepted) - {AUTO} or name in accepted:
        return None
    hint = _near(name, kind.capitalize(), accepted)
    example = f"; expected one such as {accepted[1]}"
    return f"the installed diffusers exports no {kind} of this name{hint or example}"


def _near(name: str, suffix: str, accepted: list[str] | tuple[str, ...]) -> str:
    """The suggestion for `name`; a shared suffix would make all names similar, so it counts only if misspelt."""
    whole = [] if name.endswith(suffix) else nearest(name, accepted, 3, cutoff=0.7)
    stems = nearest(name.removesuffix(suffix), [one.removesuffix(suffix) for one in accepted], 3)
    near = [stem + suffix for stem in stems if stem + suffix in accepted]
    return did_you_mean(whole or near) or suggestion(name, accepted, 3)


def _is_pipeline(name: str) -> bool:
    return "Pipeline" in name and not _NO_PIPELINE.fullmatch(name)


def _is_scheduler(name: str) -> bool:
    return name.endswith("Scheduler")


@lru_cache(maxsize=2)
def _names(text: str, kind: str) -> tuple[str, ...]:
    """The exported names of `kind` (`pipelines` or `schedulers`), sorted."""
    wanted = _is_scheduler if kind == "schedulers" else _is_pipeline
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ()
    return tuple(sorted({name for name in _exported(tree, kind) if wanted(name)}))


def _exported(tree: ast.Module, kind: str) -> Iterator[str]:
    """The texts in `_import_structure = {kind: [...]}` and in what is put under `_import_structure[kind]`."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as table) if name == _STRUCTURE:
                pairs = zip(table.keys, table.values, strict=True)
                yield from (text for key, value in pairs if _is_kind(key, kind) for text in _texts(value))
            case ast.Assign(targets=[ast.Subscript() as place], value=value) if _is_entry(place, kind):
                yield from _texts(value)
            case ast.AugAssign(target=ast.Subscript() as place, value=value) if _is_entry(place, kind):
                yield from _texts(value)
            case ast.Call(func=ast.Attribute(value=ast.Subscript() as place), args=args) if _is_entry(
                place, kind
            ):
                yield from (text for arg in args for text in _texts(arg))


def _is_entry(place: ast.Subscript, kind: str) -> bool:
    return isinstance(place.value, ast.Name) and place.value.id == _STRUCTURE and _is_kind(place.slice, kind)


def _is_kind(key: ast.expr | None, kind: str) -> bool:
    return isinstance(key, ast.Constant) and str(key.value).split(".")[0].endswith(kind)


def _texts(value: ast.expr) -> Iterator[str]:
    return (
        node.value
        for node in ast.walk(value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def backend_problem(name: str) -> str | None:
    """What is wrong with `name` as a backend, or None; if the backends cannot be read, any name is accepted."""
    names = _backends()
    if not names or name in names:
        return None
    hint = suggestion(name, names)
    return (
        f"the installed diffusers has no such backend{hint}{' ' if hint else '; '}accepted: {listing(names)}"
    )


@lru_cache(maxsize=1)
def _backends() -> tuple[str, ...]:
    table = _BACKENDS.search(diffusers_text("quantizers/auto.py") or "")
    return tuple(_BACKEND.findall(table[1])) if table else ()
