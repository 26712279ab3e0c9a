"""The arguments that a pipeline's methods take, read from the source without importing the pipeline."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from harness.config.pipelines.installed import diffusers_folder, diffusers_text

CALL = "__call__"
CONSTRUCTOR = "__init__"

_PIPELINES = "pipelines"
_LONGEST_HEADER = 200
"""How many line-ending colons are tried as the end of a header; for most headers it is the first."""

_CLASS = re.compile(r"^class (\w+)", re.MULTILINE)
_NEXT_BLOCK = re.compile(r"^(?:class |def |async def |@)", re.MULTILINE)
_HEADER_END = re.compile(r":[ \t]*(?:#[^\n]*)?$", re.MULTILINE)
_METHOD = re.compile(r"^([ \t]+)(?:async )?def (\w+)", re.MULTILINE)
_EXPORTS = re.compile(r"_import_structure\[\"([\w.]+)\"\]")


@dataclass(frozen=True, slots=True)
class ClassText:
    """A class in a Python file; `text` runs from its `class` to the next block of the file."""

    name: str
    file: Path
    text: str


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments of a method without `self`, in order, those among them that have no default, and whether it
    takes any others besides.

    Of `**kwargs`, `names` holds those that the method asks for by name; `takes_any` says whether it does
    something else with them, such as passing them on.
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    takes_any: bool


@dataclass(frozen=True, slots=True)
class NoMethod:
    """Neither the class nor any base has the method; `methods` are their public ones."""

    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The source does not tell."""


def installed_class(name: str) -> ClassText | None:
    """The class `name` of the installed diffusers, or None if its source is not found."""
    folder = diffusers_folder()
    if folder is None:
        return None
    for place in (*_likely_places(folder, name), folder / _PIPELINES, folder):
        file = _classes_under(place).get(name)
        if file is not None:
            return class_in(file, name)
    return None


def class_in(file: Path, name: str) -> ClassText | None:
    """The class `name` in `file`, or None."""
    text = _text_of(file)
    start = next((match.start() for match in _CLASS.finditer(text) if match[1] == name), None)
    if start is None:
        return None
    end = _NEXT_BLOCK.search(text, start + 1)
    return ClassText(name, file, text[start : end.start() if end else len(text)])


@cache
def signature(of: ClassText, method: str) -> Signature | NoMethod | Unreadable:
    """What `method` of the class takes; the bases are searched in Python's order."""
    methods: dict[str, None] = {}
    for one in _with_bases(of, set()):
        if one is None:
            return Unreadable()
        own = _methods(one.text)
        if method in own:
            return _read(one.text, own[method])
        methods.update(dict.fromkeys(name for name in own if not name.startswith("_")))
    return NoMethod(tuple(methods))


@cache
def method(of: ClassText, name: str) -> ast.FunctionDef | None:
    """The method of the class, or of the first base that has it; None if there is none, or no readable source."""
    for one in _with_bases(of, set()):
        if one is None:
            return None
        if name in _methods(one.text):
            found = _method(one.text, name)
            return found if isinstance(found, ast.FunctionDef) else None
    return None


@cache
def defined_in(of: ClassText, method: str) -> str | None:
    """The module of the first class, among `of` and its bases, that defines `method`; None if none is found.

    A file outside of diffusers has no module name and gives its stem.
    """
    found = (one for one in _with_bases(of, set()) if one is not None and method in _methods(one.text))
    file = next((one.file for one in found), None)
    folder = diffusers_folder()
    if file is None or folder is None or not file.is_relative_to(folder):
        return None if file is None else f"./{file.stem}"
    return ".".join(("diffusers", *file.relative_to(folder).with_suffix("").parts))


def _with_bases(of: ClassText, seen: set[str]) -> Iterator[ClassText | None]:
    """The class and its bases, depth first; None for one whose source is not found."""
    seen.add(of.name)
    yield of
    header = _parsed(of.text, 0)
    if not isinstance(header, ast.ClassDef):
        yield None
        return
    for base in header.bases:
        name = ast.unparse(base).rpartition(".")[2]
        if name in seen or name in ("object", "ABC"):
            continue
        found = class_in(of.file, name) or installed_class(name)
        if found is None:
            yield None
        else:
            yield from _with_bases(found, seen)


def _methods(text: str) -> dict[str, int]:
    """The methods of a class and where their headers begin; nested functions are indented deeper."""
    found = list(_METHOD.finditer(text))
    shallowest = min((len(match[1]) for match in found), default=0)
    return {match[2]: match.start() for match in found if len(match[1]) == shallowest}


def _read(text: str, start: int) -> Signature | Unreadable:
    function = _parsed(text, start)
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return Unreadable()
    takes = function.args
    positional = [argument.arg for argument in (*takes.posonlyargs, *takes.args)]
    without_default = positional[: len(positional) - len(takes.defaults)]
    keyword_only = zip(takes.kwonlyargs, takes.kw_defaults, strict=True)
    required = [*without_default, *(argument.arg for argument, default in keyword_only if default is None)]
    own = () if text[:start].rstrip().endswith("@staticmethod") else positional[:1]
    names = [*positional, *(argument.arg for argument in takes.kwonlyargs)]
    asked = _asked_of(text, function.name, takes.kwarg.arg) if takes.kwarg else ()
    return Signature(
        tuple(dict.fromkeys(name for name in (*names, *(asked or ())) if name not in own)),
        tuple(name for name in required if name not in own),
        asked is None,
    )


def _asked_of(text: str, method: str, kwargs: str) -> tuple[str, ...] | None:
    """The names of the other keyword arguments that a method of the class asks for; None if it may take any.

    It recognises `kwargs.pop("name", ...)`, `kwargs.get("name")`, `kwargs["name"]` and `"name" in kwargs`.
    """
    found = _method(text, method)
    if found is None:
        return None
    understood = dict(_asking(found, kwargs))
    uses = [node for node in ast.walk(found) if isinstance(node, ast.Name) and node.id == kwargs]
    return tuple(understood.values()) if all(use in understood for use in uses) else None


def _method(text: str, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The method in the text of a class, body and all."""
    try:
        [one] = ast.parse(text).body
    except (SyntaxError, ValueError):
        return None
    body = one.body if isinstance(one, ast.ClassDef) else []
    return next((node for node in body if isinstance(node, _FUNCTIONS) and node.name == name), None)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _asking(function: ast.AST, kwargs: str) -> Iterator[tuple[ast.Name, str]]:
    """Each use of `kwargs` that asks for one name, with the name."""
    for node in ast.walk(function):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name() as use, attr="pop" | "get"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                pass
            case ast.Subscript(value=ast.Name() as use, slice=ast.Constant(value=str(name))):
                pass
            case ast.Compare(
                left=ast.Constant(value=str(name)),
                ops=[ast.In() | ast.NotIn()],
                comparators=[ast.Name() as use],
            ):
                pass
            case _:
                continue
        if use.id == kwargs:
            yield use, name


def _parsed(text: str, start: int) -> ast.stmt | None:
    """The header of the class or function that begins at `start`, without its body."""
    for end in islice(_HEADER_END.finditer(text, start), _LONGEST_HEADER):
        try:
            return ast.parse(f"{text[start : end.end()].lstrip()}\n pass").body[0]
        except SyntaxError:
            continue
    return None


def _likely_places(folder: Path, name: str) -> Iterator[Path]:
    """The part of the package that exports `name`; reading the whole package takes ten times as long."""
    if "Modular" in name:
        yield folder / "modular_pipelines"
    if name.endswith("Scheduler"):
        yield folder / "schedulers"
    text = diffusers_text(f"{_PIPELINES}/__init__.py") or ""
    before = _EXPORTS.findall(text[: max(text.find(f'"{name}"'), 0)])
    if before:
        place = folder.joinpath(_PIPELINES, *before[-1].split("."))
        yield place if place.is_dir() else place.with_suffix(".py")


@cache
def _classes_under(place: Path) -> Mapping[str, Path]:
    """The classes in the file `place`, or in all files below the folder `place`, with their positions."""
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    found: dict[str, Path] = {}
    for file in files:
        for name in _class_names(file):
            found.setdefault(name, file)
    return found


def _class_names(file: Path) -> Iterator[str]:
    """The names that follow `class` at the start of a line; a plain text search, because it covers whole packages."""
    try:
        content = b"\n" + file.read_bytes()
    except OSError:
        return
    at = content.find(b"\nclass ")
    while at >= 0:
        match = re.match(rb"\w+", content[at + 7 : at + 200])
        if match:
            yield match[0].decode("ascii", "replace")
        at = content.find(b"\nclass ", at + 1)


@cache
def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""
