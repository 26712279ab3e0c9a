"""Puts freshly trained models in place: whole folders at once, and the lock file of their hashes."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import zoo


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path; the folder or file that the block writes there then replaces `path`.

    Nothing is replaced if the block raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as scratch:
        fresh, old = Path(scratch, "fresh"), Path(scratch, "old")
        yield fresh
        if path.exists():
            path.rename(old)
        fresh.rename(path)


def write_lock(root: Path) -> None:
    """Write the hashes of all files of the built-in models under `root` to its lock file."""
    locked = {name: file_hashes(root / name) for name in zoo.names() if (root / name).is_dir()}
    text = json.dumps(locked, indent=2, sort_keys=True) + "\n"
    _replace_text(root / zoo.LOCK_FILE, text)


def file_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 (hex) of each file under `folder`, by its relative name with forward slashes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def _replace_text(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
