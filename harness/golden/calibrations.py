"""The calibration that lies beside a golden: read it, write it at once or not at all, know whose it is."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness.codec import from_json, to_json
from harness.core.calibration import CALIBRATION_SCHEMA, Calibration
from harness.core.capture import OUTPUT_PREFIX, CaptureDocument
from harness.errors import StoreError

GOLDEN_SUFFIX = ".safetensors"
SUFFIX = ".calibration.json"


@dataclass(frozen=True, slots=True)
class Uncalibrated:
    """There is no calibration that belongs to the golden, for the `reason` given."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Head:
    """The part of a file by which its reader knows it."""

    schema: int


def calibration_path(golden: Path) -> Path:
    """Where the calibration of the golden at `golden` lies."""
    return golden.with_name(f"{golden.name.removesuffix(GOLDEN_SUFFIX)}{SUFFIX}")


def golden_path(calibration: Path) -> Path:
    """Where the golden of the calibration at `calibration` lies."""
    return calibration.with_name(f"{calibration.name.removesuffix(SUFFIX)}{GOLDEN_SUFFIX}")


def outputs_digest(document: CaptureDocument) -> str:
    """The sha256, in hex, over the names and digests of a golden's outputs; a calibration knows it by this."""
    outputs = sorted(item for item in document.sha256.items() if item[0].startswith(OUTPUT_PREFIX))
    return hashlib.sha256("\n".join(f"{name} {digest}" for name, digest in outputs).encode()).hexdigest()


def read_calibration(golden: Path, document: CaptureDocument) -> Calibration | Uncalibrated:
    """The calibration of the golden at `golden` with this document; Uncalibrated where none belongs to it."""
    path = calibration_path(golden)
    try:
        text = path.read_bytes()
        schema = from_json(_Head, text).schema
        if schema != CALIBRATION_SCHEMA:
            return Uncalibrated(f"{path}: has schema {schema}, this harness reads {CALIBRATION_SCHEMA}")
        found = from_json(Calibration, text)
    except FileNotFoundError:
        return Uncalibrated(f"{path}: no such file, so there are no calibrated limits")
    except OSError as error:
        return Uncalibrated(f"{path}: cannot be read ({error.strerror})")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        return Uncalibrated(f"{path}: is no calibration ({place}: {first['msg']})")
    if found.golden != outputs_digest(document):
        return Uncalibrated(f"{path}: belongs to another golden, with other outputs than {golden.name}")
    return found


def write_calibration(golden: Path, calibration: Calibration) -> Path:
    """Store `calibration` beside the golden, through a flushed temporary sibling; raises StoreError."""
    path = calibration_path(golden)
    temporary = path.with_name(f".calibration-{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.write(to_json(calibration, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}); free the space or grant the permission, "
            "then run the command again"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path
