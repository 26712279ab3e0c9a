"""A model folder stored otherwise, with the same values: longer headers, shards, another dtype, a hub's cache."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

COMMIT = "0123456789abcdef0123456789abcdef01234567"

Tensors = dict[str, torch.Tensor]


def with_longer_headers(folder: Path, to: Path, more: int) -> None:
    """Copy `folder`; the header of every safetensors file becomes `more` bytes longer, a multiple of 8."""
    shutil.copytree(folder, to)
    for path in _weights(to):
        raw = path.read_bytes()
        size = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + size])
        header.setdefault("__metadata__", {})["padding"] = ""
        empty = len(json.dumps(header, separators=(",", ":")))
        # A name that is there already makes what is added shorter; spaces at the end are the format's own.
        wanted = size + more
        while wanted < empty:
            wanted += 64
        header["__metadata__"]["padding"] = "x" * (wanted - empty)
        text = json.dumps(header, separators=(",", ":")).encode()
        assert len(text) == wanted
        path.write_bytes(wanted.to_bytes(8, "little") + text + raw[8 + size :])


def in_shards(folder: Path, to: Path, count: int) -> None:
    """Copy `folder`; the weights of every model lie in as many as `count` files with an index beside them."""
    shutil.copytree(folder, to)
    for path in _weights(to):
        tensors = load_file(path)
        names = list(tensors)
        count_here = min(count, len(names))
        of = {}
        for number in range(count_here):
            file = f"{path.stem}-{number + 1:05}-of-{count_here:05}.safetensors"
            part = names[number::count_here]
            save_file({name: tensors[name] for name in part}, path.with_name(file), {"format": "pt"})
            of |= dict.fromkeys(part, file)
        total = sum(tensor.nbytes for tensor in tensors.values())
        index = {"metadata": {"total_size": total}, "weight_map": of}
        path.with_name(f"{path.name}.index.json").write_text(json.dumps(index))
        path.unlink()


def rounded_to(folder: Path, to: Path, dtype: torch.dtype) -> None:
    """Copy `folder`; float32 weights are rounded to what `dtype` can hold, and stored as float32."""
    _changed(folder, to, lambda tensor: tensor.to(dtype).float())


def cast_to(folder: Path, to: Path, dtype: torch.dtype) -> None:
    """Copy `folder`; float32 weights are stored in `dtype`."""
    _changed(folder, to, lambda tensor: tensor.to(dtype))


def in_hub_cache(folder: Path, cache: Path, name: str) -> None:
    """Copy `folder` into a hub's `cache` as COMMIT of the repository `name`: links in a snapshot to blobs."""
    repository = cache / f"models--{name.replace('/', '--')}"
    for number, path in enumerate(sorted(one for one in folder.rglob("*") if one.is_file())):
        blob = repository / "blobs" / f"{number:064x}"
        link = repository / "snapshots" / COMMIT / path.relative_to(folder)
        blob.parent.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, blob)
        link.symlink_to(blob)


def starts(folder: Path) -> Mapping[str, int]:
    """Where the tensors begin in every safetensors file, modulo 64 bytes."""
    return {
        str(path.relative_to(folder)): (8 + int.from_bytes(path.read_bytes()[:8], "little")) % 64
        for path in _weights(folder)
    }


def _changed(folder: Path, to: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    shutil.copytree(folder, to)
    for path in _weights(to):
        tensors = {
            name: change(tensor) if tensor.dtype is torch.float32 else tensor
            for name, tensor in load_file(path).items()
        }
        save_file(tensors, path, {"format": "pt"})


def _weights(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*/*.safetensors"))
