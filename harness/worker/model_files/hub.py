"""Fetch a model from the hub, or from the hub's cache on this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import huggingface_hub
from diffusers import DiffusionPipeline
from huggingface_hub import (
    ModelCard,
    constants,
    hf_hub_download,
    model_info,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import HFValidationError

from harness.core.case import ModelSpec
from harness.core.formats import PICKLE_SUFFIXES
from harness.worker.model_files import model_folder, model_index, weights
from harness.worker.model_files.hub_errors import (
    ModelUnavailable,
    in_brief,
    says_revision_is_gone,
    unavailable,
)
from harness.worker.model_files.model_index import INDEX, MODULAR_INDEX, Index
from harness.worker.rejection import Rejection

_FROM_THE_ENVIRONMENT = {
    "cache_dir": "set HF_HUB_CACHE",
    "force_download": "delete the model from the cache",
    "local_files_only": "set HF_HUB_OFFLINE=1",
    "proxies": "set HTTPS_PROXY",
    "token": "set HF_TOKEN, or run `hf auth login`",
}
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A model's files in the hub's cache: their folder, their commit, and warnings for the user.

    `modular` says that only a MODULAR_INDEX describes them; the components it names may be elsewhere.
    """

    path: Path
    commit: str
    warnings: tuple[str, ...]
    modular: bool = False


@dataclass(frozen=True, slots=True)
class _Listing:
    commit: str
    names: frozenset[str]
    index: Index


class _OnlyModular(Exception):
    """The repository has a MODULAR_INDEX but no INDEX; the message is its commit."""


class _Incomplete(Exception):
    """The cache lacks something; the message is the end of a sentence that starts with "the cache"."""


def fetch(model: ModelSpec, pipeline_class: type[DiffusionPipeline]) -> Snapshot:
    """The files of the hub model `model` that `pipeline_class` needs, downloaded if the cache lacks them.

    If the cache has a complete commit, the hub is not asked, since a commit never changes. (The cache does not
    know whether a modular pipeline is complete.) For a floating revision the hub is asked; if it is unreachable,
    the cache is used. diffusers itself decides which files are needed (`DiffusionPipeline.download`).
    huggingface_hub's environment variables apply (HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE, HF_TOKEN, ...).

    Raises ModelUnavailable, or Rejection if the model's files may not or cannot be loaded.
    """
    for option in model.components.keys() & _FROM_THE_ENVIRONMENT.keys():
        message = (
            f"this belongs to the machine, not to the config; remove it and {_FROM_THE_ENVIRONMENT[option]}"
        )
        raise Rejection(f"model.components.{option}", "...", message)
    try:
        if _is_pinned(model):
            return _complete_in_cache(model, pipeline_class)
    except (_Incomplete, _OnlyModular):
        # The cache does not know whether a modular pipeline is complete, so the hub is asked.
        pass
    try:
        listing = _ask(model)
    except _OnlyModular as found:
        return _fetch_modular(model, str(found))
    except HFValidationError as error:
        raise Rejection(
            "model.id", model.id, "expected a hub id such as org/name, or a model's folder"
        ) from error
    except Exception as error:
        return _from_cache_instead(model, pipeline_class, error)
    warnings = _floating(model, listing.commit) + _check(model, listing, pipeline_class)
    try:
        folder = _download(model, listing.commit, pipeline_class)
    except Exception as error:
        raise unavailable(error, model, "has only a part") from error
    return Snapshot(
        _sound(model, folder), listing.commit, warnings + _connected(model, folder, pipeline_class)
    )


def fetch_part(model: ModelSpec, subfolder: str) -> Snapshot:
    """The files of one component of a hub repository, in its `subfolder` or, with "", at its root.

    Neither pickles nor code are fetched. Raises ModelUnavailable.
    """
    beside = [f"{subfolder}/*/*"] if subfolder else ["*/*"]
    unwanted = [*(f"*{suffix}" for suffix in PICKLE_SUFFIXES), "*.py", *beside]
    try:
        path = snapshot_download(
            model.id,
            revision=model.revision,
            allow_patterns=[f"{subfolder}/*" if subfolder else "*"],
            ignore_patterns=unwanted,
        )
    except Exception as error:
        raise unavailable(error, model, "lacks some of it") from error
    commit = Path(path).name
    return Snapshot(Path(path), commit, _floating(model, commit))


def _fetch_modular(model: ModelSpec, commit: str) -> Snapshot:
    """The MODULAR_INDEX at `commit` and the subfolders that it names, without pickles and code."""
    try:
        # Requested by its own revision, so that the cache records which commit that is.
        path = Path(hf_hub_download(model.id, MODULAR_INDEX, revision=model.revision))
        folder = snapshot_download(
            model.id,
            revision=path.parent.name,
            allow_patterns=["*.json", *(f"{name}/*" for name in _subfolders(path))],
            ignore_patterns=[*(f"*{suffix}" for suffix in PICKLE_SUFFIXES), "*.py"],
        )
    except Exception as error:
        raise unavailable(error, model, f"has only a part of its commit {commit}") from error
    commit = Path(folder).name
    return Snapshot(Path(folder), commit, _floating(model, commit), modular=True)


def _subfolders(path: Path) -> set[str]:
    """The subfolders of a MODULAR_INDEX's components; none if the index cannot be read."""
    try:
        described = [
            value[2]
            for value in model_index.read(path).values()
            if isinstance(value, list) and len(value) == 3
        ]
    except ValueError:
        return set()
    return {spec["subfolder"] for spec in described if isinstance(spec, Mapping) and spec.get("subfolder")}


def _cached_modular(model: ModelSpec, commit: str) -> Snapshot:
    """The cached files of a modular pipeline; its components are checked one by one later."""
    index = try_to_load_from_cache(model.id, MODULAR_INDEX, revision=commit)
    assert isinstance(index, str), "the commit was found by it"
    return Snapshot(Path(index).parent, commit, _floating(model, commit), modular=True)


def _is_pinned(model: ModelSpec) -> bool:
    return bool(_COMMIT.fullmatch(model.revision or ""))


def _floating(model: ModelSpec, commit: str) -> tuple[str, ...]:
    if _is_pinned(model) or model.floating is not None:
        return ()
    revision = model.revision or constants.DEFAULT_REVISION
    return (f"{model.id}: revision {revision!r} floats; commit {commit} was used (pin it as model.revision)",)


def _ask(model: ModelSpec) -> _Listing:
    """The files on the hub; records the revision's commit in the cache, for later runs without a network."""
    info = model_info(model.id, revision=model.revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    names = {file.rfilename for file in info.siblings or ()}
    if info.sha and MODULAR_INDEX in names and INDEX not in names:
        raise _OnlyModular(info.sha)
    path = Path(hf_hub_download(model.id, INDEX, revision=model.revision))
    commit = path.parent.name
    if commit != info.sha:
        # The revision moved between the two requests.
        info = model_info(model.id, revision=commit, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    return _Listing(commit, frozenset(file.rfilename for file in info.siblings or ()), model_index.read(path))


def _check(model: ModelSpec, listing: _Listing, pipeline_class: type[DiffusionPipeline]) -> tuple[str, ...]:
    replaced = model_index.check(listing.index, listing.names, model.id, pipeline_class)
    return replaced + weights.check(
        weights.weight_files(listing.index, listing.names, model), model, from_hub=True
    )


def _download(
    model: ModelSpec, commit: str, pipeline_class: type[DiffusionPipeline], *, local: bool = False
) -> Path:
    # Modular pipelines read the same files but cannot choose them.
    chooser = pipeline_class if issubclass(pipeline_class, DiffusionPipeline) else DiffusionPipeline
    path = chooser.download(
        model.id,
        revision=commit,
        variant=model.variant,
        use_safetensors=True,
        local_files_only=local,
        **model.components,
    )
    return Path(path)


def _connected(model: ModelSpec, folder: Path, pipeline_class: type[DiffusionPipeline]) -> tuple[str, ...]:
    """Fetch the prior that a combined pipeline loads as well, which its model card names."""
    card = folder / "README.md"
    if not getattr(pipeline_class, "_load_connected_pipes", False) or not card.is_file():
        return ()
    priors = getattr(ModelCard.load(card).data, "prior", None) or []
    fetched = [
        fetch(replace(model, id=name, revision=None, components={}), DiffusionPipeline) for name in priors[:1]
    ]
    return tuple(warning for one in fetched for warning in one.warnings)


def _from_cache_instead(
    model: ModelSpec, pipeline_class: type[DiffusionPipeline], error: Exception
) -> Snapshot:
    """The cached copy of a model if the hub cannot be asked or does not answer."""
    if says_revision_is_gone(error):
        raise unavailable(error, model) from error
    try:
        cached = _complete_in_cache(model, pipeline_class)
    except _OnlyModular as found:
        cached = _cached_modular(model, str(found))
    except _Incomplete as incomplete:
        raise unavailable(error, model, str(incomplete)) from error
    if constants.HF_HUB_OFFLINE:
        return cached
    warning = f"{model.id}: the hub could not be asked ({in_brief(error)}); the cached commit {cached.commit} was used"
    return replace(cached, warnings=(*cached.warnings, warning))


def _complete_in_cache(model: ModelSpec, pipeline_class: type[DiffusionPipeline]) -> Snapshot:
    """The cached copy of the revision; raises _Incomplete if something is missing, and _OnlyModular."""
    try:
        path = try_to_load_from_cache(model.id, INDEX, revision=model.revision)
    except HFValidationError:
        path = None
    if not isinstance(path, str):
        raise _without_index(model)
    folder, commit, index = Path(path).parent, Path(path).parent.name, model_index.read(Path(path))
    present, listed = model_index.files_in(folder, index), _cached_tree(model, commit)
    try:
        warnings = _check(
            model, _Listing(commit, present if listed is None else listed, index), pipeline_class
        )
    except Rejection as rejection:
        if listed is not None:
            raise
        # Files that an earlier download skipped, for example a variant's, look as if the model did not offer them.
        raise _Incomplete(f"has its commit {commit}, in which {rejection}") from rejection
    offered = weights.weight_files(index, present if listed is None else listed, model)
    expected = [one.component for one in offered if one.names or listed is None]
    lacking = weights.missing(weights.weight_files(index, present, model), folder, expected)
    if lacking:
        raise _Incomplete(f"has its commit {commit} without {', '.join(lacking)}")
    try:
        folder = _download(model, commit, pipeline_class, local=True)
    except Exception as error:
        raise _Incomplete(f"has not all files of its commit {commit}") from error
    warnings = _floating(model, commit) + warnings + _connected(model, folder, pipeline_class)
    return Snapshot(_sound(model, folder), commit, warnings)


def _without_index(model: ModelSpec) -> _Incomplete | _OnlyModular:
    """Why the cache has no INDEX of the model."""
    try:
        path = try_to_load_from_cache(model.id, MODULAR_INDEX, revision=model.revision)
    except HFValidationError:
        path = None
    return _OnlyModular(Path(path).parent.name) if isinstance(path, str) else _Incomplete("has no copy")


def _cached_tree(model: ModelSpec, commit: str) -> frozenset[str] | None:
    """The files that the hub has at `commit`, if the cache knows them (huggingface_hub 2 records them)."""
    known = getattr(huggingface_hub, "get_cached_repo_tree", None)
    try:
        return frozenset(file.path for file in known(model.id, revision=commit)) if known else None
    except Exception:
        return None


def _sound(model: ModelSpec, folder: Path) -> Path:
    """`folder`, if all weights in it can be read to their end; a truncated file is never used."""
    index = model_index.read(folder / INDEX)
    model_folder.refuse_unsafe_snapshot(
        folder, [name for name, _, _ in model_index.components(index)], model.id
    )
    damaged = weights.damaged(weights.weight_files(index, model_index.files_in(folder, index), model), folder)
    if damaged:
        advice = "delete these files and run again"
        raise ModelUnavailable(f"{model.id}: in the cache {folder} {'; '.join(damaged)}; {advice}")
    model_folder.check_nested(model, folder)
    return folder
