"""Read a capture or golden: the library checks the header, and the data come in small, verified pieces."""

from __future__ import annotations

import hashlib
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from safetensors import SafetensorError, safe_open

from harness.core.capture import CaptureDocument
from harness.golden.header import Header, TensorInfo, cannot_open, read_header, unreadable

if TYPE_CHECKING:
    from io import FileIO

    import numpy as np
    import numpy.typing as npt

CHUNK_BYTES = 4 * 2**20
"""The bytes read at once; a multiple of every dtype's size, 1 Mi elements of float32."""


class Closes(ABC):
    """Something that a `with` block closes at its end."""

    @abstractmethod
    def close(self) -> None:
        """Close every file; closing twice is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class TensorFile(Closes):
    """An open capture or golden.

    The data are read with plain reads, not through a memory map, so that comparing files of any size
    needs only a few MiB. Iterating a tensor to its end checks its sha256 against the document. The file stays
    open until `close`, the end of the `with` block, or the end of the object. Not safe to share between
    threads. Raises UnreadableGolden for a file that is missing, damaged, truncated or foreign.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise cannot_open(path, error) from error
        self._close = weakref.finalize(self, self._file.close)
        self._header = _checked_header(self._file, path)

    @property
    def document(self) -> CaptureDocument:
        """What the file says about itself."""
        return self._header.document

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """The tensors by name, in the order of their bytes."""
        return self._header.tensors

    def raw(self, name: str) -> Iterator[memoryview]:
        """The little-endian bytes of the tensor `name` in pieces of CHUNK_BYTES, none for an empty tensor.

        A piece is valid until the next one is requested. Raises UnreadableGolden at the end if the bytes
        do not match the sha256 in the document, and if the file ends early.
        """
        tensor = self.tensors[name]
        digest = hashlib.sha256()
        buffer = memoryview(bytearray(min(CHUNK_BYTES, tensor.stop - tensor.start)))
        for start in range(tensor.start, tensor.stop, CHUNK_BYTES):
            piece = buffer[: min(CHUNK_BYTES, tensor.stop - start)]
            self._fill(piece, start)
            digest.update(piece)
            yield piece
        if digest.hexdigest() != self.document.sha256[name]:
            raise unreadable(
                self.path, f"tensor {name} is damaged (its bytes do not match the sha256 on record)"
            )

    def arrays(self, name: str) -> Iterator[npt.NDArray[Any]]:
        """The tensor `name` as flat numpy arrays in its own dtype; otherwise as `raw`."""
        import numpy as np

        dtype = numpy_dtype(self.tensors[name].dtype)
        for piece in self.raw(name):
            yield np.frombuffer(piece, dtype=dtype)

    def verify(self, name: str) -> None:
        """Read the tensor `name` only to verify its sha256; raises UnreadableGolden as `raw` does."""
        for _ in self.raw(name):
            pass

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self._close()

    def _fill(self, piece: memoryview, start: int) -> None:
        try:
            self._file.seek(start)
            done = 0
            while done < len(piece):
                count = self._file.readinto(piece[done:])
                if not count:
                    raise unreadable(self.path, "ends early (it was truncated while it was read)")
                done += count
        except OSError as error:
            raise cannot_open(self.path, error) from error


def _checked_header(file: FileIO, path: Path) -> Header:
    """The header of a file that the library also accepts as valid."""
    try:
        # First, because it distinguishes a truncated file from a pointer; the library detects overlaps.
        header = read_header(file, path)
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise unreadable(path, f"is damaged or not a safetensors file ({error})") from error
    return header


def file_sha256(path: Path) -> str:
    """The sha256, in hex, of the whole content of the file at `path`; raises UnreadableGolden."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise cannot_open(path, error) from error


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The numpy dtype called `name`; ml_dtypes provides bfloat16 and the float8 kinds."""
    import ml_dtypes
    import numpy as np

    extra = name == "bfloat16" or name.startswith("float8")
    return np.dtype(getattr(ml_dtypes, name) if extra else name)
