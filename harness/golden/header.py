"""The header of a capture or golden file: where each tensor is, and the document that describes them.

The layout is safetensors': eight bytes with the header's length (little endian), the header as JSON, then
the tensors' bytes (https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, TypeGuard

from pydantic import ValidationError

from harness.codec import first_problem, from_json, to_json
from harness.core.capture import SCHEMA_VERSION, CaptureDocument
from harness.core.text import conflict_in
from harness.errors import UnreadableGolden

RESTORE = "restore the file from version control or a backup"
"""The remedy for a damaged golden: its content exists nowhere else."""

METADATA_KEY = "harness"
"""The key in the header's `__metadata__` whose value is the document's JSON text."""

LENGTH_BYTES = 8

_POINTER_BYTES = 1024  # the Git LFS specification allows no longer pointers
_LFS_POINTER = b"version https://git-lfs"
_ANNEX_POINTER = b"/annex/objects/"
_RESOLVE = "choose one side: git checkout --ours or --theirs"

_LARGEST_HEADER = 100_000_000  # the safetensors library has the same limit

_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}
_CODES = {name: code for code, name in _DTYPES.items()}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor in a file.

    `dtype` is the name that numpy, ml_dtypes and torch share (`float32`, `bfloat16`, `float8_e4m3fn`);
    `start` and `stop` are offsets in bytes from the beginning of the file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def elements(self) -> int:
        """The number of elements; 1 for a 0-d tensor."""
        return prod(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says: the document, and the tensors in the order of their bytes."""

    document: CaptureDocument
    tensors: Mapping[str, TensorInfo]


def unreadable(path: Path, what: str, remedy: str = RESTORE) -> UnreadableGolden:
    """The error for a file at `path` that is unusable because of `what`."""
    return UnreadableGolden(path, what, remedy)


def cannot_open(path: Path, error: OSError) -> UnreadableGolden:
    """The error for a file at `path` that the system could not open or read."""
    if path.is_dir():
        return unreadable(
            path,
            "is a folder, but a file is expected",
            "move it away, then restore the file",
        )
    if path.is_symlink() and not path.exists():
        return _broken_link(path)
    if isinstance(error, PermissionError):
        return unreadable(path, f"cannot be read ({error.strerror})", "grant the permission")
    return unreadable(path, f"cannot be read ({error.strerror or error})")


def _broken_link(path: Path) -> UnreadableGolden:
    target = os.readlink(path)
    remedy = f"fetch it: git annex get {shlex.quote(str(path))}" if "/annex/" in target else RESTORE
    return unreadable(path, f"is a link to {target}, which does not exist", remedy)


def read_document(path: Path) -> CaptureDocument:
    """The document of the capture or golden at `path`; reads only the header and needs no numpy.

    Raises UnreadableGolden as `read_header` does, and if the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            return read_header(file, path).document
    except OSError as error:
        raise cannot_open(path, error) from error


def read_header(file: IO[bytes], path: Path) -> Header:
    """The header of the open `file`; `path` is for messages.

    Raises UnreadableGolden for a truncated file, one that is not safetensors, one without a document, a
    document of another schema version, and a document that does not match the tensors in the file.
    """
    size = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    if size < LENGTH_BYTES or length > min(size - LENGTH_BYTES, _LARGEST_HEADER):
        raise _no_header(file, path, size)
    base = LENGTH_BYTES + length
    text, tensors = _parse(file.read(length), base, path)
    told = max((tensor.stop for tensor in tensors.values()), default=base)
    if told != size:
        state = "truncated" if size < told else "damaged"
        raise unreadable(path, f"is {state} ({size} bytes, but its header describes {told})")
    if not isinstance(text, str):
        raise unreadable(
            path, f"holds no document of the harness (no `{METADATA_KEY}` in the header's metadata)"
        )
    document = _parse_document(text, path)
    _check_fit(document, tensors, path)
    return Header(document, tensors)


def _no_header(file: IO[bytes], path: Path, size: int) -> UnreadableGolden:
    """The error for a file that does not begin like safetensors, by what it begins with instead."""
    if not size:
        return unreadable(path, "is empty (0 bytes)")
    file.seek(0)
    start = file.read(_POINTER_BYTES)
    conflict = conflict_in(start) is not None
    if _LFS_POINTER in start:
        what = "is a Git LFS pointer; the file itself was not fetched"
        if conflict:
            return unreadable(path, "holds the conflict of a merge of two Git LFS pointers", _RESOLVE)
        return unreadable(path, what, "fetch it: git lfs pull")
    if _ANNEX_POINTER in start:
        remedy = f"fetch it: git annex get {shlex.quote(str(path))}"
        return unreadable(path, "is a git-annex pointer; the file itself was not fetched", remedy)
    if conflict:
        return unreadable(path, "holds the conflict markers of a merge", _RESOLVE)
    return unreadable(path, f"is truncated or not a safetensors file ({size} bytes)")


def header_bytes(header: Header) -> bytes:
    """The first bytes of a file with this header, up to the first tensor's; keeps the tensors' order."""
    base = min((tensor.start for tensor in header.tensors.values()), default=0)
    entries: dict[str, object] = {"__metadata__": {METADATA_KEY: to_json(header.document)}}
    for name, tensor in header.tensors.items():
        entries[name] = {
            "dtype": _CODES[tensor.dtype],
            "shape": tensor.shape,
            "data_offsets": (tensor.start - base, tensor.stop - base),
        }
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)  # safetensors aligns the tensors with spaces
    return len(text).to_bytes(LENGTH_BYTES, "little") + text


def _parse(text: bytes, base: int, path: Path) -> tuple[object, Mapping[str, TensorInfo]]:
    """The document's text, if there is any, and the tensors in the order of their bytes."""
    try:
        entries = json.loads(text)
        document = (entries.pop("__metadata__", None) or {}).get(METADATA_KEY)
        tensors = [_tensor(name, entry, base) for name, entry in entries.items()]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise unreadable(path, f"has a damaged header or is not a safetensors file ({error})") from error
    tensors.sort(key=lambda tensor: (tensor.start, tensor.stop))
    return document, {tensor.name: tensor for tensor in tensors}


def _tensor(name: str, entry: Mapping[str, object], base: int) -> TensorInfo:
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if code not in _DTYPES:
        raise ValueError(f"tensor {name} has dtype {code}, accepted are {', '.join(_DTYPES)}")
    if not (_whole(shape) and _whole(offsets) and len(offsets) == 2):
        raise ValueError(f"tensor {name} has no valid shape or place")
    return TensorInfo(name, _DTYPES[str(code)], tuple(shape), base + offsets[0], base + offsets[1])


def _parse_document(text: str, path: Path) -> CaptureDocument:
    try:
        document = _of_this_schema(text)
        if document is None:
            _check_version(from_json(_Versioned, text).schema, path)
            document = from_json(CaptureDocument, text)
        return document
    except UnicodeError as error:
        raise unreadable(path, f"has a damaged document ({error})") from error
    except ValidationError as error:
        raise unreadable(path, f"has a damaged document ({first_problem(error)})") from error


def _of_this_schema(text: str) -> CaptureDocument | None:
    """The document, usually valid; None if anything is wrong with it, including its version."""
    with suppress(ValidationError):
        document = from_json(CaptureDocument, text)
        return document if document.schema == SCHEMA_VERSION else None
    return None


def _check_version(version: int, path: Path) -> None:
    what = f"has schema version {version}, but this harness reads {SCHEMA_VERSION}"
    if version > SCHEMA_VERSION:
        raise unreadable(path, f"{what}; a newer one wrote it", "upgrade the harness")
    if version != SCHEMA_VERSION:
        remedy = "verify with the harness that wrote it, then record the case again"
        raise unreadable(path, f"{what}; an older one wrote it", remedy)


@dataclass(frozen=True, slots=True)
class _Versioned:
    schema: int


def _check_fit(document: CaptureDocument, tensors: Mapping[str, TensorInfo], path: Path) -> None:
    if odd := sorted(document.sha256.keys() ^ tensors.keys()):
        raise unreadable(
            path, f"has a document that does not match its tensors ({odd[0]} is in only one of the two)"
        )
    for name in document.text:
        if name not in tensors or tensors[name].dtype != "uint8":
            raise unreadable(path, f"has a document that does not match its tensors ({name} is not text)")


def _whole(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
