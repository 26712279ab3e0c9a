"""Reads a matrix file: which sets of versions `verify --with-matrix` tries, each as requirements of one candidate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from harness.errors import UsageError
from harness.upgrade.candidate import candidate

MOST = 64
"""Candidates of one file; each is an environment of its own and a run of all cases."""

_FORMS = (
    "write a mapping from packages to lists of versions (diffusers: [0.42.1, 0.43.0]), all combinations of which are "
    "tried, or a list of candidates, each a list of requirements ([[diffusers==0.43.0, numpy==2.4]])"
)

_MOST_BYTES = 1 << 20

_COMPARING = ("=", "<", ">", "!", "~=")

Specs = tuple[str, ...]

T = TypeVar("T", str, Specs)


def specs_in(path: Path) -> tuple[Specs, ...]:
    """The requirements of each candidate that the file lists.

    Raises UsageError with everything that is wrong with it, line by line.
    """
    reader = _Reader(path)
    found = reader.candidates(_composed(path))
    if reader.problems:
        count = len(reader.problems)
        head = f"--with-matrix {path}: {count} problem{'s' if count > 1 else ''}; fix the file:"
        raise UsageError("\n".join([head, *(f"  {problem}" for problem in reader.problems)]))
    return found


def _composed(path: Path) -> yaml.Node | None:
    """The nodes of the file: they keep their lines, and `0.10` as it was written, which is a number otherwise."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--with-matrix {path}: {error.strerror}; {_FORMS}") from error
    if len(content) > _MOST_BYTES:
        raise UsageError(f"--with-matrix {path}: larger than 1 MiB; {_FORMS}")
    try:
        return yaml.compose(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UsageError(f"--with-matrix {path}: {line}not YAML ({error.problem}); {_FORMS}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"--with-matrix {path}: not YAML; {_FORMS}") from error


@dataclass(slots=True)
class _Reader:
    """Turns nodes into candidates and collects what is wrong with them."""

    path: Path
    problems: list[str] = field(default_factory=list)

    def candidates(self, root: yaml.Node | None) -> tuple[Specs, ...]:
        """The candidates of the whole file, as far as they are valid."""
        if isinstance(root, yaml.MappingNode) and root.value:
            return self._product(root)
        if isinstance(root, yaml.SequenceNode) and root.value:
            self._count(root, len(root.value))
            found = [(tuple(self._specs(node)), node) for node in root.value]
            return tuple(specs for specs, _ in self._distinct(pair for pair in found if pair[0]))
        self.problems.append(f"line {_line(root)}: names no versions; {_FORMS}")
        return ()

    def _product(self, root: yaml.MappingNode) -> tuple[Specs, ...]:
        """All combinations of the versions of each package."""
        axes = [
            [spec for spec, _ in self._distinct(self._versions(name, versions))]
            for name, versions in self._packages(root)
        ]
        whole = self._count(root, math.prod(len(versions) for versions in axes))
        return tuple(itertools.product(*axes)) if whole else ()

    def _packages(self, root: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
        lines: dict[str, int] = {}
        for key, value in root.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not _is_name(name):
                self._refuse(key, "is no name of a package")
            elif (package := canonicalize_name(name)) in lines:
                self._refuse(key, f"occurs twice, first in line {lines[package]}; keep one")
            else:
                lines[package] = _line(key)
                yield name, value

    def _versions(self, name: str, versions: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
        nodes = versions.value if isinstance(versions, yaml.SequenceNode) else [versions]
        if not nodes:
            self._refuse(versions, f"{name} has no version; give at least one, or leave {name} out")
        for node in nodes:
            if text := self._text(node, f"a version of {name}"):
                yield from self._valid(node, text if _is_place(text) else _pinned(name, text))

    def _specs(self, node: yaml.Node) -> Iterator[str]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._refuse(node, "is no list of requirements, such as [diffusers==0.43.0, numpy==2.4]")
            return
        for part in node.value:
            if text := self._text(part, "a requirement"):
                yield from (spec for spec, _ in self._valid(part, text))

    def _text(self, node: yaml.Node, what: str) -> str:
        text = node.value.strip() if isinstance(node, yaml.ScalarNode) else ""
        if not text or text in ("~", "null"):
            self._refuse(node, f"is not {what}")
            return ""
        return str(text)

    def _valid(self, node: yaml.Node, spec: str) -> Iterator[tuple[str, yaml.Node]]:
        """The requirement as it is asked for; folders are relative to the file."""
        if spec.startswith("."):
            spec = str((self.path.parent / spec).resolve())
        try:
            candidate([spec])
        except UsageError as error:
            self.problems.append(f"line {_line(node)}: {str(error).removeprefix('--with ')}")
        else:
            yield spec, node

    def _distinct(self, found: Iterator[tuple[T, yaml.Node]]) -> Iterator[tuple[T, yaml.Node]]:
        """Each once; a second one is a mistake, since it would be tried twice."""
        lines: dict[T, int] = {}
        for one, node in found:
            if one in lines:
                self._refuse(node, f"occurs twice, first in line {lines[one]}; keep one")
            else:
                lines[one] = _line(node)
                yield one, node

    def _count(self, node: yaml.Node, total: int) -> bool:
        if total > MOST:
            self.problems.append(
                f"line {_line(node)}: gives {total} candidates, and at most {MOST} are tried"
            )
        return total <= MOST

    def _refuse(self, node: yaml.Node, what: str) -> None:
        shown = repr(node.value) if isinstance(node, yaml.ScalarNode) else "this"
        self.problems.append(f"line {_line(node)}: {shown} {what}")


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node is not None else 1


def _is_name(text: str) -> bool:
    try:
        found = Requirement(text)
    except InvalidRequirement:
        return False
    return not (found.specifier or found.url or found.marker)


def _is_place(text: str) -> bool:
    """Whether it is a folder or an address instead of a version."""
    return "://" in text or text.startswith((".", "/", "~"))


def _pinned(name: str, text: str) -> str:
    return f"{name}{text}" if text.startswith(_COMPARING) else f"{name}=={text}"
