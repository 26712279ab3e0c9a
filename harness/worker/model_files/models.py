"""Locate a case's model on this machine, and make a pipeline of it, from safetensors only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from diffusers import DiffusionPipeline
from transformers import dynamic_module_utils

from harness import zoo
from harness.core.capture import LoadedFile
from harness.core.case import BUILTIN, ModelSpec
from harness.core.formats import PICKLE_SUFFIXES
from harness.worker.environment.releases import ModularPipeline
from harness.worker.model_files import (
    additions,
    hub,
    model_folder,
    model_index,
    modular,
    modular_index,
    weights,
)
from harness.worker.model_files.hub_errors import ModelUnavailable, in_brief, is_the_hubs
from harness.worker.model_files.model_index import INDEX, MODULAR_INDEX
from harness.worker.model_files.sealed import sealed
from harness.worker.rejection import Rejection

_CONFIG = "config"
_ORIGINAL = "original_config"


@dataclass(frozen=True, slots=True)
class Source:
    """The location of a model's files on this machine.

    `path` is a folder in diffusers' layout or, if `single_file` is true, a .safetensors file that holds the whole
    pipeline. `commit` is the hub commit that is used, None for models that are not from the hub. `parts` are the
    components of a modular pipeline's folder, which may be elsewhere.
    """

    path: Path
    commit: str | None
    single_file: bool
    warnings: tuple[str, ...]
    parts: tuple[modular_index.Part, ...] = ()


def locate(model: ModelSpec, base: Path, *, pipeline_class: type[DiffusionPipeline]) -> Source:
    """Find `model` on this machine, or fetch it from the hub.

    `model.id` is `builtin:NAME`, a folder or a .safetensors file relative to `base`, or a hub id; `base` is
    the folder of the config file. `pipeline_class` is DiffusionPipeline for `pipeline: auto`.

    Raises ModelUnavailable if the model is not available here, and Rejection if it may not be loaded: only
    pickle weights, its own code, no such variant, damaged files.
    """
    if model.id.startswith(BUILTIN):
        return _folder(model, _builtin_folder(model.id), pipeline_class)
    place = base / model.id
    if place.is_dir():
        return _folder(model, place.resolve(), pipeline_class)
    if place.is_file() or place.suffix in (weights.SAFE_SUFFIX, *PICKLE_SUFFIXES):
        return _single_file(model, place, pipeline_class)
    if weights.is_path(model.id):
        raise ModelUnavailable(f"{model.id}: there is no folder {place}; put the model there or fix model.id")
    snapshot = hub.fetch(model, pipeline_class)
    if not snapshot.modular:
        return Source(snapshot.path, snapshot.commit, False, snapshot.warnings)
    source = _modular_folder(model, snapshot.path, pipeline_class, from_hub=True)
    return replace(source, commit=snapshot.commit, warnings=(*snapshot.warnings, *source.warnings))


def _builtin_folder(name: str) -> Path:
    try:
        return zoo.model_dir(name.removeprefix(BUILTIN))
    except LookupError as error:
        raise Rejection("model.id", name, str(error)) from error


def _folder(model: ModelSpec, folder: Path, pipeline_class: type[DiffusionPipeline]) -> Source:
    if (folder / MODULAR_INDEX).is_file() and not (folder / INDEX).is_file():
        return _modular_folder(model, folder, pipeline_class)
    return Source(folder, None, False, model_folder.check(model, folder, pipeline_class))


def _modular_folder(
    model: ModelSpec, folder: Path, pipeline_class: type[DiffusionPipeline], *, from_hub: bool = False
) -> Source:
    index = model_folder.index_of(model, folder, MODULAR_INDEX)
    modular_index.pipeline_class_of(index, pipeline_class, model.id)
    parts, warnings = modular_index.locate(model, folder, index, from_hub=from_hub)
    return Source(folder, None, False, warnings, parts)


def _single_file(model: ModelSpec, path: Path, pipeline_class: type[DiffusionPipeline]) -> Source:
    if path.suffix != weights.SAFE_SUFFIX:
        what = f"{path.suffix or 'this'} is not a safetensors file, and reading a pickle can run any code it holds"
        raise Rejection(
            "model.id", model.id, f"{what}; convert it to .safetensors on a machine where you trust it"
        )
    if not path.is_file():
        raise ModelUnavailable(f"{model.id}: there is no file {path}; put the model there or fix model.id")
    if model.variant is not None:
        raise Rejection("model.variant", model.variant, "a single file has no variants; leave it out")
    if pipeline_class is DiffusionPipeline:
        raise Rejection("pipeline", "auto", "a single file does not name its pipeline; name a class")
    if not hasattr(pipeline_class, "from_single_file"):
        message = "this class cannot be loaded from a single file; use a model folder as model.id"
        raise Rejection("pipeline", pipeline_class.__name__, message)
    if damage := weights.damage(path):
        raise Rejection("model.id", model.id, f"{path.name} {damage}; download it again")
    return Source(path.resolve(), None, True, ())


def load(
    source: Source, model: ModelSpec, base: Path, pipeline_class: type[DiffusionPipeline], **options: object
) -> DiffusionPipeline:
    """Make the pipeline from `source`, which `locate` found for `model`, reading only safetensors.

    `options` are further keyword arguments of `from_pretrained` or `from_single_file`, such as the dtype;
    `model.components` is added here. A single file also needs the configs of a model folder:
    `model.components` may name one as `config` (builtin:NAME, a folder relative to `base`, or a hub id);
    otherwise diffusers guesses the model and asks the hub for its configs.

    Raises ModelUnavailable, Rejection, or whatever diffusers raises while it makes the pipeline.
    """
    keywords = {**model.components, **options}
    if source.single_file and _CONFIG in model.components:
        keywords[_CONFIG] = _config_of(model, base, pipeline_class)
    if source.single_file and _ORIGINAL in model.components:
        keywords[_ORIGINAL] = _original_of(model, base)
    with sealed("model.id", model.id), _no_code_from_models(model), _reasons(model, source):
        if source.single_file:
            return pipeline_class.from_single_file(str(source.path), **keywords)
        if source.parts:
            index = model_index.read(source.path / MODULAR_INDEX)
            wanted = modular_index.pipeline_class_of(index, pipeline_class, model.id)
            given = {name: value for name, value in model.components.items() if value is not None}
            return modular.load_parts(wanted, source.path, source.parts, {**given, **options})
        if issubclass(pipeline_class, ModularPipeline):
            return modular.load(pipeline_class, source.path, keywords)
        nulls = model_index.nulls_to_pass(model_index.read(source.path / INDEX), pipeline_class)
        keywords = {**nulls, **keywords, "variant": model.variant, "use_safetensors": True}
        return pipeline_class.from_pretrained(str(source.path), **keywords)


def named_files(source: Source, model: ModelSpec, base: Path) -> additions.Files:
    """The local files that `model.components` names in addition to the weights: the configs of a single file."""
    if not source.single_file:
        return {}
    key = "model.components"
    files: dict[str, LoadedFile] = {}
    original = model.components.get(_ORIGINAL)
    if isinstance(original, str):
        files.update(additions.whole(f"{key}.{_ORIGINAL}", original, base))
    config = model.components.get(_CONFIG)
    if isinstance(config, str) and (base / config).is_dir():
        index = model_folder.index_of(replace(model, id=config), base / config)
        for name in sorted(model_index.files_in(base / config, index)):
            if not name.endswith((weights.SAFE_SUFFIX, *PICKLE_SUFFIXES)):
                digest = additions.sha256(base / config / name)
                files[f"{key}.{_CONFIG}: {config.rstrip('/')}/{name}"] = LoadedFile(digest)
    return files


def _original_of(model: ModelSpec, base: Path) -> str:
    """The original config of a single file, which diffusers would fetch from any address."""
    named = str(model.components[_ORIGINAL])
    if not (base / named).is_file():
        message = "expected a YAML file, relative to the config; put the file there"
        raise Rejection(f"model.components.{_ORIGINAL}", named, message)
    return str((base / named).resolve())


def _config_of(model: ModelSpec, base: Path, pipeline_class: type[DiffusionPipeline]) -> str:
    named = str(model.components[_CONFIG])
    if not named.startswith(BUILTIN) and not weights.is_path(named) and not (base / named).is_dir():
        # A hub id: diffusers fetches only configs and vocabularies.
        return named
    folder = (_builtin_folder(named) if named.startswith(BUILTIN) else base / named).resolve()
    if not folder.exists():
        advice = "put it there or fix model.components.config"
        raise ModelUnavailable(f"{named}: there is no folder {folder}; {advice}")
    # It needs no weights, but components that a single file lacks are loaded from it.
    model_folder.offered(replace(model, id=named), folder, pipeline_class)
    return str(folder)


@contextmanager
def _reasons(model: ModelSpec, source: Source) -> Iterator[None]:
    """While open, a failed hub request for more than the model itself is a reason to skip."""
    try:
        yield
    except Exception as error:
        if not is_the_hubs(error, model):
            raise
        what = f"diffusers asked the hub for more than the model, and failed ({in_brief(error)})"
        single = "name a folder with the configs of its pipeline as model.components.config"
        advice = single if source.single_file else "connect this machine, or use a complete model"
        raise ModelUnavailable(f"{model.id}: {what}; {advice}") from error


@contextmanager
def _no_code_from_models(model: ModelSpec) -> Iterator[None]:
    """While open, refuse a model whose files ask to run their own code, instead of prompting on a terminal."""
    before = dynamic_module_utils.TIME_OUT_REMOTE_CODE
    dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0
    try:
        yield
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        message = f"it needs its own code ({in_brief(error)}); code from a model's folder is never run"
        raise Rejection("model.id", model.id, message) from error
    finally:
        dynamic_module_utils.TIME_OUT_REMOTE_CODE = before
