"""The known-answer test: this process's results for the table of operations, cached for each machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from harness import files
from harness.worker.portable.operations import operations

DIGITS = 8
"""Hex digits kept of each answer's sha256: different answers match by chance once in four billion times."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The digest of each operation's result, by name; `remembered` if an earlier start computed them."""

    digests: Mapping[str, str]
    remembered: bool


def computed() -> Mapping[str, str]:
    """The digest of each operation's result in this process, by name, whatever its switches; takes a second or two."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.no_grad(), np.errstate(all="ignore"):
            return {name: _digest(operation()) for name, operation in operations()}
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)


def remembered(machine: Mapping[str, object]) -> Answers:
    """`computed`, or the user's cache of it if the same `machine` computed it before.

    `machine` is everything that the answers depend on: the CPU, the builds, the variables. If the cache cannot be
    read or written, that only costs time.
    """
    cached = _read_cached(_cache_path(machine))
    return anew(machine) if cached is None else Answers(cached, remembered=True)


def anew(machine: Mapping[str, object]) -> Answers:
    """`computed`, cached for the next start on this `machine`."""
    answers = computed()
    _write_cached(_cache_path(machine), answers)
    return Answers(answers, remembered=False)


def _digest(result: object) -> str:
    digest = hashlib.sha256()
    for part in _bytes(result):
        digest.update(part)
    return digest.hexdigest()[:DIGITS]


def _bytes(result: object) -> Iterator[bytes]:
    if isinstance(result, torch.Tensor):
        real = torch.view_as_real(result.resolve_conj()) if result.is_complex() else result
        yield real.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    elif isinstance(result, Iterable) and not isinstance(result, np.ndarray):
        for part in result:
            yield from _bytes(part)
    else:
        yield np.asarray(result).tobytes()


def _cache_path(machine: Mapping[str, object]) -> Path:
    known = json.dumps({**machine, "torch": torch.__config__.show()}, sort_keys=True)
    return _cache_folder() / f"{hashlib.sha256(known.encode()).hexdigest()[:32]}.json"


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "diffusers-goldens" / "known-answers"


def _read_cached(path: Path) -> Mapping[str, str] | None:
    """The answers in the file; None unless it is complete, as it was written."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    answers = found.get("answers") if isinstance(found, dict) else None
    return answers if answers and found == _document(answers) else None


def _document(answers: Mapping[str, str]) -> Mapping[str, object]:
    text = json.dumps(answers, sort_keys=True)
    return {"answers": answers, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _write_cached(path: Path, answers: Mapping[str, str]) -> None:
    with contextlib.suppress(OSError), files.replacing(path, durable=False) as file:
        file.write(json.dumps(_document(answers)).encode())
