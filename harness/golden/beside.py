"""JSON files that lie beside a golden and belong to it: read whole or refused, written at once or not at all."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import ValidationError

from harness import files
from harness.codec import from_json, to_json, why_not
from harness.core.capture import OUTPUT_PREFIX, CaptureDocument
from harness.core.schema import other_schema
from harness.errors import StoreError

GOLDEN_SUFFIX = ".safetensors"


class Belonging(Protocol):
    """What lies beside a golden; `golden` is the digest of the outputs of the one it belongs to."""

    @property
    def golden(self) -> str:
        """That digest, in hex."""


B = TypeVar("B", bound=Belonging)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: what it is called, how its name ends, and the version of its form."""

    noun: str
    suffix: str
    schema: int

    def path(self, golden: Path) -> Path:
        """Where the file of the golden at `golden` lies."""
        return golden.with_name(f"{golden.name.removesuffix(GOLDEN_SUFFIX)}{self.suffix}")

    def golden(self, path: Path) -> Path:
        """Where the golden of the file at `path` lies."""
        return path.with_name(f"{path.name.removesuffix(self.suffix)}{GOLDEN_SUFFIX}")


@dataclass(frozen=True, slots=True)
class Unusable:
    """There is no such file that belongs to the golden, for the `reason` given, which starts with its path."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Head:
    """The part of a file by which its reader knows it."""

    schema: int


def outputs_digest(document: CaptureDocument) -> str:
    """The sha256, in hex, over the names and digests of a golden's outputs; what lies beside knows it by this."""
    outputs = sorted(item for item in document.sha256.items() if item[0].startswith(OUTPUT_PREFIX))
    return hashlib.sha256("\n".join(f"{name} {digest}" for name, digest in outputs).encode()).hexdigest()


def read_beside(form: type[B], kind: Kind, golden: Path, document: CaptureDocument) -> B | Unusable:
    """The file of this kind that belongs to the golden at `golden` with this document."""
    path = kind.path(golden)
    try:
        text = path.read_bytes()
        schema = from_json(_Head, text).schema
        if schema != kind.schema:
            return Unusable(f"{path}: {other_schema(schema, kind.schema, f'measure the {kind.noun} again')}")
        found = from_json(form, text)
    except FileNotFoundError:
        return Unusable(f"{path}: no such file")
    except OSError as error:
        return Unusable(f"{path}: cannot be read ({error.strerror})")
    except ValidationError as error:
        return Unusable(f"{path}: is no {kind.noun} ({why_not(error, text)})")
    if found.golden != outputs_digest(document):
        return Unusable(f"{path}: belongs to another golden, with other outputs than {golden.name}")
    return found


def write_beside(kind: Kind, golden: Path, value: Belonging) -> Path:
    """Store `value` beside the golden, through a flushed temporary sibling; raises StoreError."""
    path = kind.path(golden)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.temporary(path) as file:
            file.write(f"{to_json(value, indent=1)}\n".encode())
            files.flush(file)
            os.replace(file.name, path)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}); free the space or grant the permission, "
            "then run the command again"
        ) from error
    return path
