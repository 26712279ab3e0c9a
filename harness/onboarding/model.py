"""What the model is that someone typed: where it lies, its pipeline class, its native size."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness import zoo
from harness.codec import as_mapping
from harness.config.weights import SAFETENSORS
from harness.core.case import BUILTIN
from harness.errors import UsageError
from harness.onboarding import hub, single_file

INDEX = "model_index.json"

_DENOISERS = ("unet", "transformer", "prior", "decoder")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_NAME_PIPELINE = "name its class with --pipeline"


@dataclass(frozen=True, slots=True)
class Model:
    """A model for a config: its `id` as typed, or the absolute `path` of its folder or file.

    `size` is the height and width in pixels that the model was made for, None if nothing tells. `revision` is a commit
    of the hub.
    """

    id: str
    pipeline: str
    path: Path | None = None
    revision: str | None = None
    size: int | None = None

    @property
    def name(self) -> str:
        """A name for its config: letters, digits, '.', '_' and '-', and no suffix."""
        last = self.path.name.removesuffix(SAFETENSORS) if self.path else re.split(r"[/:]", self.id)[-1]
        plain = re.sub(r"[^a-z0-9._-]+", "-", last.lower()).strip("-._")
        return re.sub(r"\.{2,}", ".", plain) or "model"


def model_of(typed: str, here: Path, pipeline: str | None) -> Model:
    """The model `typed` in the folder `here`; its class is read from its files unless `pipeline` names it.

    Raises UsageError if there is no such model, or if nothing tells its class.
    """
    if typed.startswith(BUILTIN):
        return _builtin(typed, pipeline)
    path = here / typed
    if path.is_dir():
        return Model(typed, pipeline or _class_in(path, typed), _absolute(path), size=_size(path))
    if path.is_file():
        return Model(typed, pipeline or single_file.pipeline_of(path, typed), _absolute(path))
    if not _HUB_ID.fullmatch(typed):
        accepted = f"a folder, a .safetensors file, a hub id (ORGANISATION/NAME), {_builtins()}"
        raise UsageError(f"{typed}: no such model; accepted: {accepted}")
    found = hub.look_up(typed, needs_class=pipeline is None)
    return Model(typed, pipeline or found.pipeline, revision=found.commit)


def _builtin(typed: str, pipeline: str | None) -> Model:
    if typed.removeprefix(BUILTIN) not in zoo.names():
        raise UsageError(f"{typed}: no such model; accepted: {_builtins()}")
    folder = zoo.model_dir(typed.removeprefix(BUILTIN))
    return Model(typed, pipeline or _class_in(folder, typed), size=_size(folder))


def _builtins() -> str:
    return ", ".join(BUILTIN + name for name in zoo.names())


def _class_in(folder: Path, typed: str) -> str:
    """The class that the index of a folder names."""
    index = folder / INDEX
    if not index.is_file():
        raise UsageError(f"{typed}: has no {INDEX}, so nothing tells its pipeline; {_NAME_PIPELINE}")
    name = as_mapping(index.read_bytes()).get("_class_name")
    if not isinstance(name, str):
        raise UsageError(f"{index}: names no _class_name; {_NAME_PIPELINE}")
    return name


def _size(folder: Path) -> int | None:
    """What the denoiser's sample size is in pixels, where the VAE halves the size between its blocks."""
    samples = [as_mapping(_text(folder / part / "config.json")).get("sample_size") for part in _DENOISERS]
    sample = next((one for one in samples if isinstance(one, int)), None)
    blocks = as_mapping(_text(folder / "vae/config.json")).get("block_out_channels")
    factor = 2 ** (len(blocks) - 1) if isinstance(blocks, list) and blocks else 1
    return None if sample is None else sample * factor


def _text(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else json.dumps({}).encode()


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
