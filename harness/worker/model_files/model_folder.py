"""Whether a model's folder may be loaded: no code, no links that lead out, only safetensors weights."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import NoReturn

from diffusers import DiffusionPipeline

from harness.core.case import ModelSpec
from harness.worker.model_files import model_index, shards, weights
from harness.worker.model_files.hub_errors import in_brief
from harness.worker.model_files.model_index import INDEX, Index
from harness.worker.rejection import Rejection

_CODE = ".py"
_RUN_BY_ANY = "None.py"
"""Diffusers 0.35 runs this file: it looks for a custom pipeline's NAME.py, and the name is None."""

_NEVER_RUN = "code from a model's folder is never run"
_SAVE_AGAIN = "save the model again with save_pretrained"
_ADAPTER = "adapter_config.json"
"""If transformers finds it next to a model's weights, it loads the model from the place that this file names."""


def check(model: ModelSpec, folder: Path, pipeline_class: type[DiffusionPipeline]) -> tuple[str, ...]:
    """Check the model in `folder` and the pipelines inside it, and return warnings about them.

    Raises Rejection for files that may not be loaded, are missing or are damaged.
    """
    files, warnings = offered(model, folder, pipeline_class)
    problems = [f"{name} is missing" for name in weights.missing(files, folder)]
    problems += weights.damaged(files, folder)
    if problems:
        raise Rejection("model.id", model.id, f"{'; '.join(problems)}; {_SAVE_AGAIN}")
    return warnings + check_nested(model, folder)


def check_nested(model: ModelSpec, folder: Path) -> tuple[str, ...]:
    """`check` the components that are pipelines; diffusers loads them without the outer pipeline's variant."""
    warnings: tuple[str, ...] = ()
    for name, library, class_name in model_index.components(index_of(model, folder)):
        is_pipeline = (folder / name / INDEX).is_file() or _is_pipeline(library, class_name)
        if is_pipeline and name not in model.components:
            inner = replace(model, id=f"{model.id}/{name}", variant=None, components={})
            warnings += check(inner, folder / name, DiffusionPipeline)
    return warnings


def offered(
    model: ModelSpec, folder: Path, pipeline_class: type[DiffusionPipeline]
) -> tuple[tuple[weights.WeightFiles, ...], tuple[str, ...]]:
    """The weight files of the model in `folder`, none of them a pickle, and warnings about them."""
    index = index_of(model, folder)
    parts = _parts(index, model.id)
    names = model_index.files_in(folder, index)
    warnings = model_index.check(index, names, model.id, pipeline_class)
    refuse_unsafe(folder, parts, model.id)
    files = weights.weight_files(index, names, model)
    return files, warnings + weights.check(files, model, from_hub=False)


def index_of(model: ModelSpec, folder: Path, name: str = INDEX) -> Index:
    """The INDEX of the model in `folder`; raises Rejection if it is missing or unusable."""
    try:
        return model_index.read(folder / name)
    except FileNotFoundError as error:
        message = f"the folder has no {INDEX}; name a folder that a pipeline's save_pretrained wrote"
        raise Rejection("model.id", model.id, message) from error
    except ValueError as error:
        message = f"its {name} cannot be used ({in_brief(error)}); {_SAVE_AGAIN}"
        raise Rejection("model.id", model.id, message) from error


def refuse_unsafe(folder: Path, parts: Collection[str], model_id: str, key: str = "model.id") -> None:
    """Raise Rejection for files that are not data of this folder, at its root and anywhere inside its `parts`.

    These are Python code, links out of the folder, and files that refer to other places. Whether code would run
    depends on the version of diffusers: 0.35 runs `None.py` at the root, and `LIBRARY.py` inside a component.
    """
    found = sorted(_files(folder, parts))
    if code := [name for name in found if name.lower().endswith(_CODE)]:
        _refuse(key, model_id, f"{_listed(code)} is Python code", f"{_NEVER_RUN}; move it elsewhere")
    if loops := [part for part in parts if _is_a_loop(folder, folder / part)]:
        what = f"{_listed(loops)} is a link to a folder that contains it"
        _refuse(key, model_id, what, "replace it by a real folder")
    if outside := [name for name in found if not _stays_inside(folder, folder / name)]:
        what = f"{_listed(outside)} leads out of the model's folder"
        _refuse(key, model_id, what, "copy its target into the folder")
    _refuse_redirected(folder, found, key, model_id)


def refuse_unsafe_snapshot(folder: Path, parts: Collection[str], model_id: str) -> None:
    """Like `refuse_unsafe`, for the hub's cache, whose files may be for other purposes than loading the model."""
    if (folder / _RUN_BY_ANY).exists():
        _refuse("model.id", model_id, f"{_RUN_BY_ANY} is Python code", f"{_NEVER_RUN}; use another model")
    _refuse_redirected(folder, sorted(_files(folder, parts)), "model.id", model_id)


def _refuse_redirected(folder: Path, names: Sequence[str], key: str, model_id: str) -> None:
    """Refuse files that redirect to weights other than the safetensors files next to them."""
    for name in names:
        if name.rpartition("/")[2] == _ADAPTER:
            advice = "merge the adapter into its model, or name it in `adapters`"
            _refuse(key, model_id, f"{name} loads weights from another place", advice)
        if f"{weights.SAFE_SUFFIX}.index." in name and name.endswith(".json"):
            wrong = [one for one in _shards(folder / name) if not _is_beside(one)]
            if wrong:
                what = f"{name} names {wrong[0]}, which is not a {weights.SAFE_SUFFIX} file next to it"
                _refuse(key, model_id, what, _SAVE_AGAIN)


def _shards(index: Path) -> list[str]:
    """The files that an index names; none if it cannot be read, which `weights.damaged` reports."""
    try:
        return sorted({*shards.weight_map(index).values()})
    except (OSError, shards.BadIndex):
        return []


def _refuse(key: str, model_id: str, what: str, advice: str) -> NoReturn:
    raise Rejection(key, model_id, f"{what}; {advice}")


def _parts(index: Index, model_id: str) -> list[str]:
    """The subfolders of the components of `index`; raises Rejection for a name that cannot be a subfolder."""
    names = [name for name, _, _ in model_index.components(index)]
    for name in names:
        if not name.isidentifier():
            what = f"its {INDEX} names a component {name!r}, which cannot be an argument of a pipeline"
            _refuse("model.id", model_id, what, _SAVE_AGAIN)
    return names


def _is_pipeline(library: str, class_name: str) -> bool:
    found = model_index.class_of(library, class_name)
    return found is not None and issubclass(found, DiffusionPipeline)


def _files(folder: Path, parts: Collection[str]) -> Iterator[str]:
    """The files at the root and below the parts, relative, with forward slashes; hidden folders are skipped."""
    yield from (path.name for path in folder.iterdir() if not path.is_dir())
    for part in parts:
        for place, folders, names in os.walk(folder / part):
            folders[:] = [name for name in folders if not name.startswith(".")]
            linked = [name for name in folders if Path(place, name).is_symlink()]
            yield from (Path(place, name).relative_to(folder).as_posix() for name in (*names, *linked))
        if (folder / part).is_symlink():
            yield part


def _stays_inside(folder: Path, path: Path) -> bool:
    if not path.is_symlink() and path.parent == folder:
        return True
    # A snapshot in the hub's cache links to the blobs next to it.
    cache = next(
        (one.parents[1] for one in (folder, *folder.parents) if one.parent.name == "snapshots"), None
    )
    allowed = [folder] if cache is None else [folder, cache / "blobs"]
    try:
        return any(path.resolve().is_relative_to(one.resolve()) for one in allowed)
    except (OSError, RuntimeError):
        return False


def _is_a_loop(folder: Path, part: Path) -> bool:
    try:
        return part.is_symlink() and folder.resolve().is_relative_to(part.resolve())
    except (OSError, RuntimeError):
        return True


def _is_beside(shard: str) -> bool:
    return PurePath(shard).name == shard and "\\" not in shard and shard.endswith(weights.SAFE_SUFFIX)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
