"""Damage golden files the ways a disk, a merge or a person does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file


def flip_bit(path: Path, tensor: str) -> None:
    """Flip the lowest bit of the first byte of `tensor`."""
    raw = bytearray(path.read_bytes())
    length = int.from_bytes(raw[:8], "little")
    start = json.loads(raw[8 : 8 + length])[tensor]["data_offsets"][0]
    raw[8 + length + start] ^= 1
    path.write_bytes(raw)


def edit(path: Path, tensor: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change `tensor` and make its sha256 in the header right again."""
    tensors, document = _read(path)
    tensors[tensor] = np.ascontiguousarray(change(tensors[tensor].copy()))
    document["sha256"][tensor] = hashlib.sha256(tensors[tensor].tobytes()).hexdigest()
    save_file(tensors, path, metadata={"harness": json.dumps(document)})


def describe(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Let `change` edit the document in the header."""
    tensors, document = _read(path)
    change(document)
    save_file(tensors, path, metadata={"harness": json.dumps(document)})


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, json.loads(file.metadata()["harness"])
