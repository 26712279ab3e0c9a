"""Reads YAML text safely: gives plain JSON values, and a clear problem for everything else.

The text is read event by event instead of being composed first. Deep nesting and multiplying aliases are
therefore never built, and each problem knows its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.config.wording import joined, shortened
from harness.config.yaml.scalars import MERGE, TAG, Refused, scalar, short_tag
from harness.core.text import Marker, NotText, conflict_in, conflicts, decoded
from harness.errors import Problem

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_VALUES = 10_000
"""How many values a file may hold after its aliases are unfolded; a text counts once per 256 characters."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTAINER_TAGS = {TAG + "map": "a mapping", TAG + "seq": "a list"}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OPEN = object()
_NEAR_THE_TOP = 3
"""The file, a mapping in it, and a list in that: where a matrix has its values."""


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a file: `values` is None if it could not be read to its end.

    `lines` are the lines, from 1, of the keys at the top, of the keys below them, and of the values in lists of those.
    """

    values: Mapping[str, object] | None
    problems: tuple[Problem, ...]
    lines: Mapping[str, int] = field(default_factory=dict)


def read(path: Path, shown_as: str) -> Document:
    """The mapping in the YAML file at `path`, which problems call `shown_as`; never raises."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        return parse(_decoded(content), shown_as)
    except OSError as error:
        return Document(
            None, (Problem(shown_as, "", None, f"cannot be read ({error.strerror}); check the file"),)
        )
    except _Stop as stop:
        return Document(None, (Problem(shown_as, "", None, str(stop)),))


def parse(text: str, shown_as: str) -> Document:
    """The mapping in the YAML `text`; never raises."""
    reader = _Reader(shown_as)
    if left := conflicts(text):
        return Document(None, tuple(_conflict(marker, shown_as) for marker in left))
    try:
        _check_printable(text)
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
        values = reader.mapping()
    except _Stop as stop:
        return Document(None, (*reader.problems, Problem(shown_as, stop.key, stop.value, str(stop))))
    except yaml.YAMLError as error:
        if marker := conflict_in(text):
            return Document(None, (_conflict(marker, shown_as),))
        return Document(None, (*reader.problems, Problem(shown_as, "", None, _syntax(error, text))))
    return Document(values, tuple(reader.problems), reader.lines)


def _conflict(marker: Marker, shown_as: str) -> Problem:
    return Problem(shown_as, "", None, str(marker))


class _Stop(Exception):
    """A problem after which nothing more can be read from the file."""

    def __init__(self, message: str, key: str = "", value: str | None = None) -> None:
        super().__init__(message)
        self.key, self.value = key, value


@dataclass(frozen=True, slots=True)
class _Node:
    """A value that was read; `size` and `depth` count its content with all aliases unfolded."""

    value: object
    size: int = 1
    depth: int = 0


@dataclass(slots=True)
class _Frame:
    """A mapping or a list that is still being read."""

    path: str
    anchor: str | None
    values: dict[str, object] | list[object]
    size: int = 1
    depth: int = 1
    key: object = None
    lines: dict[str, int] = field(default_factory=dict)
    merged: list[Mapping[str, object]] = field(default_factory=list)

    def next_path(self) -> str:
        if isinstance(self.values, list):
            return joined(self.path, len(self.values))
        return joined(self.path, self.key if isinstance(self.key, str) else "<<")

    def wants_key(self) -> bool:
        return isinstance(self.values, dict) and self.key is None


class _Reader:
    """Builds one document from the parser's events."""

    def __init__(self, shown_as: str) -> None:
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {}
        self._file = shown_as
        self._frames: list[_Frame] = []
        self._anchors: dict[str, object] = {}
        self._documents = 0
        self._first_line = 0
        self._root: object = None

    def mapping(self) -> Mapping[str, object]:
        if self._root is None:
            raise _Stop("the file is empty; a config needs at least `pipeline` and `model`")
        if not isinstance(self._root, dict):
            kind = "a list" if isinstance(self._root, list) else "a single value"
            wanted = "expected a mapping such as `pipeline: DDIMPipeline`"
            raise _Stop(f"line {self._first_line}: the file holds {kind}; {wanted}")
        return self._root

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.NodeEvent):
            self._first_line = self._first_line or line
            self._note(line)
        match event:
            case yaml.DocumentStartEvent():
                self._start_document(line)
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.AliasEvent():
                self._alias(event.anchor, line)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close(line)

    def _note(self, line: int) -> None:
        """Remember the line of a key or value near the top; a key counts where it is written, not its value."""
        if self._frames and not self._frames[-1].wants_key() and len(self._frames) <= _NEAR_THE_TOP:
            self.lines.setdefault(self._frames[-1].next_path(), line)

    def _start_document(self, line: int) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _Stop(f"line {line}: a second document begins; put each config into a file of its own")

    def _open(self, event: Any, line: int) -> None:
        is_list = isinstance(event, yaml.SequenceStartEvent)
        if self._frames and self._frames[-1].wants_key():
            raise _Stop(f"line {line}: a key is a list or mapping; keys are text", self._frames[-1].path)
        path = self._frames[-1].next_path() if self._frames else ""
        self._check_container_tag(event.tag, is_list, path, line)
        if len(self._frames) >= MAX_DEPTH:
            raise _Stop(f"line {line}: nested deeper than {MAX_DEPTH} levels", shortened(path))
        self._frames.append(_Frame(path, event.anchor, [] if is_list else {}))
        if event.anchor:
            self._anchors[event.anchor] = _OPEN

    def _check_container_tag(self, tag: str | None, is_list: bool, path: str, line: int) -> None:
        kind = "a list" if is_list else "a mapping"
        if tag not in (None, "!") and _CONTAINER_TAGS.get(tag or "") != kind:
            self._problem(
                path, short_tag(tag), f"line {line}: this tag is not accepted; write plain YAML values"
            )

    def _close(self, line: int) -> None:
        frame = self._frames.pop()
        if isinstance(frame.values, dict):
            for earlier in frame.merged:
                frame.values = {**earlier, **frame.values}
        node = _Node(frame.values, frame.size, frame.depth)
        if frame.anchor:
            self._anchors[frame.anchor] = node
        self._add(node, line)

    def _alias(self, name: Any, line: int) -> None:
        node = self._anchors.get(name)
        frame = self._frames[-1] if self._frames else _Frame("", None, [])
        if not isinstance(node, _Node):
            reason = "refers to itself" if node is _OPEN else f"has no anchor &{name} before it"
            path = frame.path if frame.wants_key() else frame.next_path()
            raise _Stop(f"line {line}: this alias {reason}", path, f"*{name}")
        if frame.wants_key():
            self._key(node.value, f"*{name}", line)
        else:
            self._add(node, line)

    def _scalar(self, event: Any, line: int) -> None:
        frame = self._frames[-1] if self._frames else _Frame("", None, [])
        is_key = frame.wants_key()
        try:
            value = scalar(event, is_key)
        except Refused as refused:
            self._problem(
                frame.path if is_key else frame.next_path(), shortened(event.value), f"line {line}: {refused}"
            )
            value = event.value if is_key else None
        node = _Node("<<" if value is MERGE else value, 1 + len(event.value) // 256)
        if event.anchor:
            self._anchors[event.anchor] = node
        if is_key:
            self._key(value, event.value, line)
        else:
            self._add(node, line)

    def _key(self, key: object, written: str, line: int) -> None:
        frame = self._frames[-1]
        frame.key = key if key is MERGE or isinstance(key, str) else written
        path = frame.next_path()
        self._note(line)
        if frame.key is not MERGE and not isinstance(key, str):
            told = f"line {line}: this key reads as {_kind(key)}, and keys are text; quote it"
            # A pipeline that looks a value up by number does not find it under a text.
            meant = f", or write {{$map: [[{written}, ...]]}} if the pipeline needs {_kind(key)}"
            self._problem(path, None, told + (meant if path.startswith("call.") else ""))
        elif isinstance(key, str) and key in frame.lines:
            self._problem(
                path, None, f"line {line}: the key occurs twice, first in line {frame.lines[key]}; keep one"
            )
        if isinstance(frame.key, str):
            frame.lines.setdefault(frame.key, line)

    def _add(self, node: _Node, line: int) -> None:
        if not self._frames:
            self._root = node.value
            return
        frame = self._frames[-1]
        frame.size += node.size
        frame.depth = max(frame.depth, node.depth + 1)
        self._check_bounds(frame, node, line)
        if isinstance(frame.values, list):
            frame.values.append(node.value)
        elif frame.key is MERGE:
            frame.merged.extend(self._mergeable(node.value, frame.path, line))
        else:
            frame.values[str(frame.key)] = node.value
        frame.key = None

    def _check_bounds(self, frame: _Frame, node: _Node, line: int) -> None:
        if sum(one.size for one in self._frames) > MAX_VALUES:
            raise _Stop(
                f"line {line}: unfolds to more than {MAX_VALUES:,} values; use fewer aliases", frame.path
            )
        if len(self._frames) + node.depth > MAX_DEPTH:
            raise _Stop(f"line {line}: nested deeper than {MAX_DEPTH} levels, aliases unfolded", frame.path)

    def _mergeable(self, value: object, path: str, line: int) -> list[Mapping[str, object]]:
        parts = value if isinstance(value, list) else [value]
        mappings: list[Mapping[str, object]] = [part for part in parts if isinstance(part, dict)]
        if len(mappings) == len(parts):
            return mappings
        self._problem(
            joined(path, "<<"), None, f"line {line}: only a mapping, or a list of them, can be merged"
        )
        return []

    def _problem(self, key: str, value: str | None, message: str) -> None:
        self.problems.append(Problem(self._file, shortened(key), value, message))


def _kind(key: object) -> str:
    match key:
        case None:
            return "null"
        case bool():
            return str(key).lower()
        case int() | float():
            return "a number"
        case _:
            return "something else"


def _decoded(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _Stop("larger than 1 MiB; keep data in input files and name them with $file")
    try:
        return decoded(content)
    except NotText as error:
        raise _Stop(str(error)) from None


def _check_printable(text: str) -> None:
    found = _UNPRINTABLE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise _Stop(
            f"line {line}: the control character U+{ord(found[0]):04X} is not allowed in YAML; remove it"
        )


def _syntax(error: yaml.YAMLError, text: str) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return f"not YAML: {shortened(str(error))}"
    lines = text.splitlines() or [""]
    written = lines[min(mark.line, len(lines) - 1)]
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return f"line {mark.line + 1}: a tab cannot indent YAML; use spaces"
    problem = getattr(error, "problem", error)
    place = f"line {mark.line + 1}, column {mark.column + 1}"
    return f"{place}: not YAML ({problem}); check indentation, quotes, brackets"
