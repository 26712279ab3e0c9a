"""Read a modular_model_index.json: its pipeline, and where on this machine each component is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import diffusers
from diffusers import DiffusionPipeline

from harness.core.case import ModelSpec
from harness.worker.environment.releases import ModularPipeline
from harness.worker.model_files import hub, model_folder, model_index, weights
from harness.worker.model_files.hub_errors import ModelUnavailable
from harness.worker.model_files.model_index import MODULAR_INDEX, Index
from harness.worker.rejection import Rejection

_SAVE_AGAIN = "save the pipeline again with save_pretrained"


@dataclass(frozen=True, slots=True)
class Part:
    """A component with its files on this machine: a subfolder ("" for none) of `folder`.

    `variant` is the variant of its weights to load; `is_model` says whether it holds weights.
    """

    name: str
    folder: Path
    subfolder: str
    variant: str | None
    is_model: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    """A component as the index describes it; `place` is a folder or a hub id.

    `saved` says whether the pipeline had the component when the index was written.
    """

    name: str
    library: str
    class_name: str
    place: str
    subfolder: str
    revision: str | None
    variant: str | None
    saved: bool


@dataclass(frozen=True, slots=True)
class _Found:
    part: Part
    files: weights.WeightFiles
    warnings: tuple[str, ...]


def pipeline_class_of(index: Index, asked: type, model_id: str) -> type[ModularPipeline]:
    """The modular class that `asked` (DiffusionPipeline for `auto`) and `index` give; raises Rejection."""
    if asked not in (DiffusionPipeline, ModularPipeline):
        if issubclass(asked, ModularPipeline):
            return asked
        message = (
            f"{model_id} has no model_index.json but a {MODULAR_INDEX}; name {index['_class_name']}, or auto"
        )
        raise Rejection("pipeline", asked.__name__, message)
    found = model_index.pipeline_class_of(index, DiffusionPipeline)
    if not issubclass(found, ModularPipeline):
        message = (
            f"its {MODULAR_INDEX} names {found.__name__}, which is not a modular pipeline; {_SAVE_AGAIN}"
        )
        raise Rejection("model.id", model_id, message)
    return found


def locate(
    model: ModelSpec, folder: Path, index: Index, *, from_hub: bool = False
) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The components that `index` of `folder` names, with all files checked, and warnings about them.

    A component whose files are in the folder is taken from there, even if the index names another place: a
    folder that was moved or downloaded still names its original places. Otherwise its place is a folder, relative
    to this one, or a hub id. `from_hub` says that the folder is the hub's cache, which may lack files.
    Raises ModelUnavailable and Rejection, as `models.locate` does.
    """
    _refuse_own_code(model, index)
    (model_folder.refuse_unsafe_snapshot if from_hub else model_folder.refuse_unsafe)(folder, (), model.id)
    entries = [entry for entry in _entries(index) if entry.name not in model.components]
    found, warnings = list[_Found](), list[str]()
    for entry in entries:
        optional = any(other.saved for other in entries)
        if one := _find(entry, model, folder, optional=optional, from_hub=from_hub):
            found.append(one)
        else:
            warnings.append(
                f"{entry.name} was not saved with the model and is nowhere else, so it is not loaded"
            )
    warnings += [warning for one in found for warning in one.warnings]
    checked = weights.check([one.files for one in found], model, from_hub=False)
    return tuple(one.part for one in found), (*dict.fromkeys(warnings), *checked)


def _find(entry: _Entry, model: ModelSpec, folder: Path, *, optional: bool, from_hub: bool) -> _Found | None:
    """The component, or None if it was not saved and does not exist.

    An index written before anything was loaded names everything that the pipeline needs: no component in it
    is `optional`, and an unreachable place is a reason to skip.
    """
    try:
        place, warnings = _place_of(entry, model, folder)
    except ModelUnavailable:
        if entry.saved or not optional:
            raise
        return None
    if not entry.saved and not any((place / entry.subfolder).glob("*")):
        return None
    refuse = model_folder.refuse_unsafe_snapshot if from_hub or warnings else model_folder.refuse_unsafe
    refuse(place, [entry.subfolder] if entry.subfolder else [], model.id)
    files = _files_of(entry, model, place)
    cached = place != folder / entry.place and (from_hub or place != folder)
    _refuse_unsound(entry, model, place, files, cached=cached)
    return _Found(Part(entry.name, place, entry.subfolder, files.chosen, files.is_model), files, warnings)


def _entries(index: Index) -> Iterator[_Entry]:
    for name, value in index.items():
        described = value if isinstance(value, list) and len(value) == 3 else [None] * 3
        _, loaded_class, spec = described
        if isinstance(spec, Mapping) and isinstance(spec.get("pretrained_model_name_or_path"), str):
            library, class_name = spec.get("type_hint") or (None, None)
            # Without a class, diffusers' AutoModel determines it.
            yield _Entry(
                name,
                library or "diffusers",
                class_name or "AutoModel",
                spec["pretrained_model_name_or_path"],
                spec.get("subfolder") or "",
                spec.get("revision"),
                spec.get("variant"),
                saved=loaded_class is not None,
            )


def _refuse_own_code(model: ModelSpec, index: Index) -> None:
    """Refuse unknown blocks, which diffusers would silently replace by its own."""
    as_written = {entry.name: [entry.library, entry.class_name] for entry in _entries(index)}
    model_index.refuse_remote_code({**as_written, "_class_name": index["_class_name"]}, (), model.id)
    blocks = index.get("_blocks_class_name")
    if blocks is not None and not hasattr(diffusers, str(blocks)):
        what = f"its blocks are {blocks}, which diffusers {diffusers.__version__} does not have"
        advice = "code from a model's folder is never run; use a model whose blocks are in diffusers"
        raise Rejection("model.id", model.id, f"{what}; {advice}")


def _place_of(entry: _Entry, model: ModelSpec, folder: Path) -> tuple[Path, tuple[str, ...]]:
    if entry.subfolder and any((folder / entry.subfolder).glob("*")):
        return folder, ()
    if (folder / entry.place).is_dir():
        return folder / entry.place, ()
    what = f"its {entry.name} is in {entry.place}"
    if entry.place.startswith(("http:", "https:")) or entry.place.endswith(weights.SAFE_SUFFIX):
        message = f"{what}, a single file, which cannot be loaded as a part; {_SAVE_AGAIN}"
        raise Rejection("model.id", model.id, message)
    if entry.place.startswith((".", "/", "~")) or entry.place.count("/") > 1:
        raise ModelUnavailable(
            f"{model.id}: {what}, which is not on this machine; put it there, or {_SAVE_AGAIN}"
        )
    snapshot = hub.fetch_part(
        ModelSpec(entry.place, entry.revision, floating=model.floating), entry.subfolder
    )
    return snapshot.path, snapshot.warnings


def _files_of(entry: _Entry, model: ModelSpec, place: Path) -> weights.WeightFiles:
    index: Index = {"_class_name": "", entry.subfolder: [entry.library, entry.class_name]}
    spec = ModelSpec(model.id, variant=model.variant or entry.variant)
    (found,) = weights.weight_files(index, model_index.files_in(place, index), spec)
    return replace(found, component=entry.name)


def _refuse_unsound(
    entry: _Entry, model: ModelSpec, place: Path, files: weights.WeightFiles, *, cached: bool
) -> None:
    problems = () if files.pickles else weights.missing([files], place, [entry.name])
    lacking = [f"{name} is missing" for name in problems] + list(weights.damaged([files], place))
    if lacking and cached:
        advice = "connect this machine and delete the damaged files there; only safetensors are fetched"
        raise ModelUnavailable(f"{model.id}: in the cache {place} {'; '.join(lacking)}; {advice}")
    if lacking:
        raise Rejection("model.id", model.id, f"in {place} {'; '.join(lacking)}; {_SAVE_AGAIN}")
