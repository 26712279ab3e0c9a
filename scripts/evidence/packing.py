"""Archives of what the stages leave, in parts that are each small enough to be brought from the machine."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

from scripts.evidence.bench import Bench

MOST = 16 * 1024 * 1024
"""The largest file, in bytes."""

_LOG_BYTES = 512 * 1024

_MARGIN = 64 * 1024
"""For the headers that tar adds; the contents hardly get smaller, and are counted as they are."""


def pack(bench: Bench, name: str, folder: Path, files: Sequence[Path]) -> list[str]:
    """Put these files of `folder` into NAME-1.tar.gz and so on; returns those left out, with the reason.

    The archives of an earlier call are replaced.
    """
    for old in bench.out.glob(f"{name}-*.tar.gz"):
        old.unlink()
    left_out = [path for path in files if _cost(path) > MOST - _MARGIN]
    for number, part in enumerate(_parts([path for path in files if path not in left_out]), 1):
        _archive(bench.out / f"{name}-{number}.tar.gz", folder, part)
    return [
        f"{path.relative_to(folder)}: {path.stat().st_size / 2**20:.0f} MiB, too large" for path in left_out
    ]


def logs(bench: Bench) -> None:
    """Put the ends of all logs into logs.tar.gz."""
    ends = bench.work / "log-ends"
    ends.mkdir(exist_ok=True)
    for log in (bench.work / "logs").glob("*.log"):
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_BYTES))
            (ends / log.name).write_bytes(file.read())
    _archive(bench.out / "logs.tar.gz", ends, sorted(ends.glob("*.log")))


def _cost(path: Path) -> int:
    return path.stat().st_size + 2048


def _parts(files: Sequence[Path]) -> list[list[Path]]:
    parts: list[list[Path]] = []
    size = 0
    for path in files:
        if not parts or size + _cost(path) > MOST - _MARGIN:
            parts.append([])
            size = 0
        parts[-1].append(path)
        size += _cost(path)
    return parts


def _archive(path: Path, folder: Path, files: Sequence[Path]) -> None:
    part = path.with_name(f"{path.name}.part")
    with tarfile.open(part, "w:gz", compresslevel=6) as archive:
        for file in files:
            archive.add(file, file.relative_to(folder))
    part.replace(path)
