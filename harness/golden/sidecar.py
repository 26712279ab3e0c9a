"""Sidecars: JSON files that belong to the golden next to them; read completely or refused, replaced in one step."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import ValidationError

from harness import files
from harness.codec import from_json, to_json, why_not
from harness.core.capture import OUTPUT_PREFIX, CaptureDocument
from harness.core.schema import other_schema
from harness.core.trace import TRACE_PREFIX
from harness.errors import StoreError

GOLDEN_SUFFIX = ".safetensors"


class Sidecar(Protocol):
    """The content of a sidecar; `golden` is the digest of the outputs of its golden."""

    @property
    def golden(self) -> str:
        """The digest, in hex, of the golden's outputs."""

    @property
    def case(self) -> str:
        """The id of the golden's case."""

    @property
    def platform(self) -> str:
        """The golden's platform."""


B = TypeVar("B", bound=Sidecar)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of sidecar: its name in messages, the suffix of its files, and its schema version.

    One that stands `alone` needs no golden beside it.
    """

    noun: str
    suffix: str
    schema: int
    alone: bool = False

    def path(self, golden: Path) -> Path:
        """The path of the sidecar of the golden at `golden`."""
        return golden.with_name(f"{golden.name.removesuffix(GOLDEN_SUFFIX)}{self.suffix}")

    def golden(self, path: Path) -> Path:
        """The path of the golden whose sidecar is at `path`."""
        return path.with_name(f"{path.name.removesuffix(self.suffix)}{GOLDEN_SUFFIX}")


@dataclass(frozen=True, slots=True)
class Unusable:
    """The golden has no such sidecar, for this `reason`, which starts with the sidecar's path.

    `damaged` marks an existing file that is not credible, as opposed to a missing one or one of another golden;
    `newer` marks one that a newer harness wrote, which must not be overwritten.
    """

    reason: str
    damaged: bool = False
    newer: bool = False


@dataclass(frozen=True, slots=True)
class _Head:
    """The part of a file that identifies it to its reader."""

    schema: int


def outputs_digest(document: CaptureDocument) -> str:
    """The sha256, in hex, over the names and digests of a golden's outputs; it ties sidecars to their golden."""
    return _digest_over(document, OUTPUT_PREFIX)


def trace_digest(document: CaptureDocument) -> str | None:
    """The same over the tensors of a capture's trace; None if it has none."""
    traced = any(name.startswith(TRACE_PREFIX) for name in document.sha256)
    return _digest_over(document, TRACE_PREFIX) if traced else None


def _digest_over(document: CaptureDocument, prefix: str) -> str:
    entries = sorted(item for item in document.sha256.items() if item[0].startswith(prefix))
    return hashlib.sha256("\n".join(f"{name} {digest}" for name, digest in entries).encode()).hexdigest()


def read_sidecar(
    form: type[B],
    kind: Kind,
    golden: Path,
    document: CaptureDocument,
    contradiction: Callable[[B], str],
) -> B | Unusable:
    """The sidecar of this kind of the golden at `golden` with this document.

    Unusable if it is missing or damaged, or if `contradiction` finds something in it.
    """
    path = kind.path(golden)
    try:
        text = path.read_bytes()
        schema = from_json(_Head, text).schema
        if schema != kind.schema:
            told = other_schema(schema, kind.schema, f"measure the {kind.noun} again")
            return Unusable(f"{path}: {told}", damaged=True, newer=schema > kind.schema)
        if odd := _odd(text):
            return Unusable(f"{path}: is not a {kind.noun} ({odd})", damaged=True)
        found = from_json(form, text)
    except FileNotFoundError:
        return Unusable(f"{path}: no such file")
    except OSError as error:
        return Unusable(f"{path}: cannot be read ({error.strerror})", damaged=True)
    except ValidationError as error:
        return Unusable(f"{path}: is not a {kind.noun} ({why_not(error, text)})", damaged=True)
    if found.golden != outputs_digest(document):
        return Unusable(f"{path}: belongs to another golden, with other outputs than {golden.name}")
    if (found.case, found.platform) != (document.case, document.environment.platform):
        of = f"{found.case} on {found.platform}"
        wanted = f"{document.case} on {document.environment.platform}"
        return Unusable(f"{path}: contradicts itself (it is of {of}, its golden of {wanted})", damaged=True)
    if what := contradiction(found):
        return Unusable(f"{path}: contradicts itself ({what})", damaged=True)
    return found


def _odd(text: bytes) -> str:
    """What JSON or Python allows but no file of ours contains: a non-finite number, a repeated key."""
    found: list[str] = []

    def number(written: str) -> float:
        value = float(written)
        if not math.isfinite(value):
            found.append(f"{written} is not a finite number")
        return value

    def entries(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        found.extend(f"{name} is given twice" for name in names if names.count(name) > 1)
        return dict(pairs)

    json.loads(text, parse_float=number, parse_constant=number, object_pairs_hook=entries)
    return found[0] if found else ""


def write_sidecar(kind: Kind, golden: Path, value: Sidecar) -> Path:
    """Store `value` next to the golden, through a flushed temporary sibling; raises StoreError."""
    path = kind.path(golden)
    try:
        with files.replacing(path) as file:
            file.write(f"{to_json(value, indent=1)}\n".encode())
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}); free the space or grant the permission, "
            "then run the command again"
        ) from error
    return path
