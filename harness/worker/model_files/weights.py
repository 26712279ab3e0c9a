"""A model's weights: the files that hold them, which of these may be read, and the digest of the loaded weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DiffusionPipeline
from safetensors import SafetensorError, safe_open

from harness.core.case import ModelSpec
from harness.core.formats import PICKLE_SUFFIXES
from harness.core.text import conflict_in
from harness.worker.model_files import shards
from harness.worker.model_files.model_index import INDEX, Index, components, is_model
from harness.worker.rejection import Rejection

SAFE_SUFFIX = ".safetensors"

_SHARD = re.compile(r"-\d{5}-of-\d{5}")
_LFS_POINTER = b"version https://git-lfs"
_LONGEST_POINTER = 4096


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The files of one component; `wanted` are its weights in the variant to load.

    Names are relative to the model's folder. `variants` are the available ones, None for the default;
    `chosen` is the variant to load.
    """

    component: str
    is_model: bool
    names: tuple[str, ...]
    wanted: tuple[str, ...]
    variants: frozenset[str | None]
    chosen: str | None

    @property
    def pickles(self) -> tuple[str, ...]:
        """The pickle files that might be read: none of a model that has safetensors files, since only these are read.

        A component that is not a model is not loaded with that restriction, and might read any pickle that has no
        safetensors equivalent.
        """
        safe = {_stem(name) for name in self.wanted if name.endswith(SAFE_SUFFIX)}
        if safe and self.is_model:
            return ()
        return tuple(
            name for name in self.wanted if name.endswith(PICKLE_SUFFIXES) and _stem(name) not in safe
        )


def is_path(model_id: str) -> bool:
    """Whether an id can only be a path on this machine."""
    return model_id.startswith((".", "/", "~")) or model_id.count("/") > 1 or model_id.endswith(SAFE_SUFFIX)


def weight_files(index: Index, names: Collection[str], model: ModelSpec) -> tuple[WeightFiles, ...]:
    """The weight files of every component that is neither null nor replaced by `model.components`.

    `names` are the files of the model, relative to its folder, with forward slashes. Components without
    their own folder are at the root, as in models of diffusers' first months.
    """
    return tuple(
        _files_of(name, is_model(library, class_name), names, model.variant)
        for name, library, class_name in components(index)
        if name not in model.components
    )


def _files_of(
    component: str, holds_weights: bool, names: Collection[str], variant: str | None
) -> WeightFiles:
    own = sorted(name for name in names if name.rpartition("/")[0] == component)
    own = own or sorted(name for name in names if "/" not in name and name not in (INDEX, "README.md"))
    groups: dict[str | None, list[str]] = {}
    for name in own:
        if name.endswith((SAFE_SUFFIX, *PICKLE_SUFFIXES)):
            groups.setdefault(_variant_of(name), []).append(name)
    chosen = variant if variant in groups else None
    return WeightFiles(
        component, holds_weights, tuple(own), tuple(groups.get(chosen, ())), frozenset(groups), chosen
    )


def _variant_of(name: str) -> str | None:
    """`fp16` of `unet/model.fp16.safetensors`, `unet/model.fp16-00001-of-00002.safetensors`, ..."""
    parts = _SHARD.sub("", name.rpartition("/")[2]).split(".")
    return parts[1] if len(parts) > 2 else None


def _stem(name: str) -> str:
    """The name that safetensors and pickles of the same weights share: `pytorch_model.bin` is `model.safetensors`."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.partition('.')[0].removeprefix('pytorch_')}"


def check(files: Collection[WeightFiles], model: ModelSpec, *, from_hub: bool) -> tuple[str, ...]:
    """Warn about components that lack the requested variant; raises Rejection if only a pickle has it."""
    _check_variant(files, model.variant)
    pickles = sorted({name for one in files for name in one.pickles})
    if pickles:
        raise Rejection("model.id", model.id, _how_to_convert(pickles, from_hub))
    if model.variant is None:
        return ()
    others = sorted(one.component for one in files if one.variants and one.chosen is None)
    return tuple(f"{name} has no variant {model.variant!r}: its default weights are used" for name in others)


def _check_variant(files: Collection[WeightFiles], variant: str | None) -> None:
    offered = {name for one in files for name in one.variants}
    accepted = ", ".join(
        ["null (the default)"] * (None in offered) + sorted(name for name in offered if name)
    )
    if variant is not None and offered and variant not in offered:
        raise Rejection("model.variant", variant, f"the model has no such weights; it has: {accepted}")
    for one in files:
        if one.variants and not one.wanted:
            message = f"{one.component} has no such weights; it has: {', '.join(sorted(filter(None, one.variants)))}"
            raise Rejection("model.variant", variant, message)


def _how_to_convert(pickles: list[str], from_hub: bool) -> str:
    shown = ", ".join(pickles[:4]) + (f" and {len(pickles) - 4} more" if len(pickles) > 4 else "")
    what = f"offers weights only as pickle ({shown}), and reading a pickle can run any code it holds"
    pull_request = (
        "let https://huggingface.co/spaces/safetensors/convert open a pull request and set model.revision to its"
        " refs/pr/N, or "
        if from_hub
        else ""
    )
    return (
        f"{what}; {pull_request}on a machine where you trust these files load the pipeline, call"
        " pipeline.save_pretrained(FOLDER, safe_serialization=True) and name FOLDER as model.id"
    )


def missing(files: Collection[WeightFiles], folder: Path, expected: Collection[str] = ()) -> tuple[str, ...]:
    """The files that `folder` lacks: safetensors weights, their shards, everything of an `expected` component.

    A component without weights may have no files at all (a scheduler with the defaults of its class).
    """
    return tuple(name for one in files for name in _missing_of(one, folder, expected))


def _missing_of(one: WeightFiles, folder: Path, expected: Collection[str]) -> Iterator[str]:
    if one.is_model and not any(name.endswith(SAFE_SUFFIX) for name in one.wanted):
        yield f"{one.component}/*{SAFE_SUFFIX}"
    elif not one.names and one.component in expected:
        yield f"{one.component}/*"
    for name in _indices(one):
        beside = name.rpartition("/")[0]
        found = {one_name.rpartition("/")[2] for one_name in one.names}
        # `damaged` reports an index that cannot be read.
        with suppress(shards.BadIndex):
            named = set(shards.weight_map(folder / name).values())
            yield from (f"{beside}/{shard}".lstrip("/") for shard in sorted(named - found))


def _indices(one: WeightFiles) -> tuple[str, ...]:
    """The index files of the variant to load, which say which shard holds which tensor."""
    suffix = f"{SAFE_SUFFIX}.index.json" if one.chosen is None else f"{SAFE_SUFFIX}.index.{one.chosen}.json"
    return tuple(name for name in one.names if name.endswith(suffix))


def damaged(files: Collection[WeightFiles], folder: Path) -> tuple[str, ...]:
    """The safetensors files that cannot be read to their end, or hold another shard's tensors, each with the reason."""
    names = sorted({name for one in files for name in one.wanted if name.endswith(SAFE_SUFFIX)})
    found = [f"{name} {reason}" for name in names if (reason := damage(folder / name))]
    for name in sorted({name for one in files for name in _indices(one)}):
        beside = name.rpartition("/")[0]
        found += [f"{beside}/{what}".lstrip("/") for what in shards.misplaced(folder / name)]
    return tuple(found)


def damage(path: Path) -> str:
    """Why the safetensors file at `path` cannot be used; "" if its header is valid and its data complete."""
    with path.open("rb") as file:
        if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
            if marker := conflict_in(file.read(_LONGEST_POINTER)):
                return f"is a Git LFS pointer; {marker}"
            return "is a Git LFS pointer without the file (run `git lfs pull` in its folder)"
    try:
        # Opening compares the file's size with its header's; no tensor is read.
        with safe_open(path, framework="numpy"):
            return ""
    except SafetensorError as error:
        return f"is damaged ({error})"


def component_digests(pipeline: DiffusionPipeline) -> Mapping[str, str]:
    """The `weights_sha256` of every component of `pipeline` that holds weights, by the pipeline's names."""
    digests = {name: weights_sha256(component) for name, component in pipeline.components.items()}
    return {name: digest for name, digest in digests.items() if digest is not None}


def weights_sha256(component: object) -> str | None:
    """One sha256, in hex, over the state dict of a torch module; None for anything else.

    It covers each tensor's dtype, shape and raw little-endian bytes in row-major order, independent of the
    device, the memory layout and the file of the weights. Names do not count, and neither do integer buffers such
    as position ids: between releases, libraries rename and drop these over the same checkpoint, which must not look
    like a different one. All tensors of quantised weights count. Raises ValueError for weights without data (on the
    meta device, as after sequential offload): hash before that.
    """
    module = getattr(component, "_orig_mod", component)
    if not isinstance(module, torch.nn.Module):
        return None
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    entries = [
        _entry_sha256(name, value)
        for name, value in module.state_dict().items()
        if name in parameters or not _is_index(value)
    ]
    return hashlib.sha256(b"".join(sorted(entries))).hexdigest()


def _is_index(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype in (torch.int64, torch.bool)


def _entry_sha256(name: str, value: object) -> bytes:
    digest = hashlib.sha256()
    for part, tensor in _plain_tensors(name, value):
        digest.update(f"{part.removeprefix(name)}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(_raw_bytes(part, tensor))
    return digest.digest()


def _plain_tensors(name: str, value: object) -> Iterator[tuple[str, torch.Tensor]]:
    """The plain tensors that a state dict's entry consists of, with a name for each."""
    if isinstance(value, Mapping):
        value = [part for key in sorted(value, key=str) for part in (str(key), value[key])]
    if isinstance(value, (list, tuple)):
        for number, part in enumerate(value):
            yield from _plain_tensors(f"{name}[{number}]", part)
    elif not isinstance(value, torch.Tensor):
        yield _described(name, value), torch.empty(0)
    elif hasattr(value, "__tensor_flatten__"):
        inner, settings = value.__tensor_flatten__()
        yield f"{name}!{type(value).__name__} {settings!r}", torch.empty(0)
        for key in sorted(inner):
            yield from _plain_tensors(f"{name}.{key}", getattr(value, key))
    elif value.is_quantized:
        per_channel = value.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric)
        scale = value.q_per_channel_scales() if per_channel else torch.tensor(value.q_scale())
        zero = value.q_per_channel_zero_points() if per_channel else torch.tensor(value.q_zero_point())
        yield from ((f"{name}!values", value.int_repr()), (f"{name}!scale", scale), (f"{name}!zero", zero))
    else:
        yield name, value


def _described(name: str, value: object) -> str:
    # Of an object that is not a plain value (a module's own extra state), only the type is comparable.
    plain = value is None or isinstance(value, (bool, int, float, str, bytes, torch.dtype))
    return f"{name}!{type(value).__name__} {value!r}" if plain else f"{name}!{type(value).__name__}"


def _raw_bytes(name: str, tensor: torch.Tensor) -> memoryview:
    if tensor.is_meta:
        raise ValueError(f"{name}: its data is offloaded, so it cannot be hashed; hash before offloading")
    plain = tensor.detach().cpu()
    plain = plain.to_dense() if plain.layout is not torch.strided else plain
    flat = plain.resolve_conj().resolve_neg().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")
