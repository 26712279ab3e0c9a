"""The golden of an earlier entry of a history, as git keeps it: in a commit or, for a Git LFS pointer, in its store."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.history import Entry
from harness.errors import StoreError, UnreadableGolden
from harness.golden.header import read_document
from harness.golden.memory.history import history_of

_POINTER = re.compile(rb"version https://git-lfs\S*\n(?:\S+ .*\n)*?oid sha256:([0-9a-f]{64})\n")
_POINTER_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Pointer:
    """A Git LFS pointer in a commit whose file is not on this machine; `sha256` is the file's."""

    commit: str
    sha256: str


@dataclass(frozen=True, slots=True)
class _Version:
    commit: str
    blob: str


def committed(paths: Sequence[Path], entry: Entry, sha256: str | None, into: Path) -> Path:
    """The golden that `entry` made, written into the folder `into`; `paths` are those that it ever had.

    `sha256` is the digest of the whole file, if the history tells. Raises StoreError, which says where it is not.
    """
    folder = next((parent for parent in paths[0].parents if parent.is_dir()), Path())
    pointers = list[Pointer]()
    for number, version in enumerate(_versions(folder, paths)):
        target = into / f"{number}.safetensors"
        if pointer := _fetched(folder, version, target):
            pointers.append(pointer)
        elif _made_by(target, entry):
            return target
        target.unlink(missing_ok=True)
    raise StoreError(
        _nowhere(folder, paths[0], entry, [one for one in pointers if sha256 in (None, one.sha256)])
    )


def _made_by(path: Path, entry: Entry) -> bool:
    """Whether `entry` made the golden at `path` what it is; a rename changes nothing but its name."""
    try:
        history = history_of(read_document(path))
    except UnreadableGolden:
        return False
    return entry in history[-1:] or entry in [one for one in history if one.renamed is None][-1:]


def _versions(folder: Path, paths: Sequence[Path]) -> Iterator[_Version]:
    """Every content that any commit gave one of the paths, the latest commit first, each once."""
    names = [os.path.abspath(path) for path in paths]
    words = (
        "log",
        "--all",
        "--full-history",
        "-m",
        "--no-renames",
        "--raw",
        "--no-abbrev",
        "--format=commit %H",
    )
    told = _git(folder, *words, "--", *names)
    seen, commit = set[str](), ""
    for line in told.decode(errors="replace").splitlines():
        if line.startswith("commit "):
            commit = line.removeprefix("commit ")
        elif line.startswith(":"):
            blob = line.split(" ")[3]
            if blob.strip("0") and blob not in seen:
                seen.add(blob)
                yield _Version(commit, blob)


def _fetched(folder: Path, version: _Version, target: Path) -> Pointer | None:
    """Write the content to `target`; for a Git LFS pointer that of its file, or return it if that is not here."""
    with target.open("wb") as file:
        _git(folder, "cat-file", "blob", version.blob, into=file.fileno())
    with target.open("rb") as file:
        found = _POINTER.match(file.read(_POINTER_BYTES))
    if not found:
        return None
    digest = found[1].decode()
    common = Path(_git(folder, "rev-parse", "--git-common-dir").decode().strip())
    kept = folder / common / "lfs/objects" / digest[:2] / digest[2:4] / digest
    if not kept.is_file():
        return Pointer(version.commit, digest)
    target.write_bytes(kept.read_bytes())
    return None


def _nowhere(folder: Path, golden: Path, entry: Entry, pointers: Sequence[Pointer]) -> str:
    made = f"{golden}: the golden of {entry.at}"
    if pointers:
        where = f"commit {pointers[0].commit[:12]} has a Git LFS pointer to {pointers[0].sha256[:12]}"
        return f"{made} is not here: {where}, whose file was not fetched; run: git lfs fetch --all"
    shallow = _git(folder, "rev-parse", "--is-shallow-repository").strip() == b"true"
    step = (
        "this clone is shallow, so run: git fetch --unshallow"
        if shallow
        else "it may never have been committed"
    )
    return f"{made} is in no commit of this repository; {step}"


def _git(folder: Path, *words: str, into: int = subprocess.PIPE) -> bytes:
    """The output of git, or b"" if it goes `into` a file; raises StoreError."""
    command = ["git", "--literal-pathspecs", "-C", str(folder), *words]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=into, stderr=subprocess.PIPE, check=False
        )
    except FileNotFoundError as error:
        raise StoreError("git: is not installed, so earlier goldens cannot be read; install it") from error
    if done.returncode:
        said = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise StoreError(f"{folder}: git cannot give earlier goldens ({said}); run this in their repository")
    return done.stdout or b""
