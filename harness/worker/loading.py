"""Load pipelines, keep the last one for the next case, and hand it out as if freshly loaded."""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import DiffusionPipeline, SchedulerMixin
from diffusers.utils import deprecation_utils

from harness import zoo
from harness.codec import to_json
from harness.core.case import Case, ModelSpec, SchedulerSpec
from harness.worker import seeding
from harness.worker.rejection import Rejection

# diffusers renamed the keyword; versions that know the new name carry the old one's deprecation message.
_DTYPE_KEYWORD = "dtype" if hasattr(deprecation_utils, "_TORCH_DTYPE_DEPRECATION_MESSAGE") else "torch_dtype"

_LOADING_OPTIONS = (
    "cache_dir",
    "device_map",
    "disable_mmap",
    "force_download",
    "local_files_only",
    "low_cpu_mem_usage",
    "max_memory",
    "offload_folder",
    "offload_state_dict",
    "proxies",
    "quantization_config",
    "token",
    "use_flashpack",
)
"""Keyword arguments of `from_pretrained` that are no components of a pipeline."""


class ModelUnavailable(Exception):
    """The model cannot be had here; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pipeline on its device, and what is needed to make it as good as freshly loaded.

    `attributes` holds those of the pipeline and of the pipelines it is made of, `schedulers` the state of
    each scheduler.
    """

    pipeline: DiffusionPipeline
    attributes: tuple[tuple[DiffusionPipeline, Mapping[str, object]], ...]
    schedulers: tuple[tuple[SchedulerMixin, Mapping[str, object]], ...]
    warnings: tuple[str, ...]
    seconds: float


class PipelineShelf:
    """Holds the pipeline loaded last: the parent sends cases that share one in a row."""

    def __init__(self) -> None:
        self._key = ""
        self._loaded: Loaded | None = None

    def take(self, case: Case, device: torch.device) -> tuple[Loaded, float]:
        """The pipeline for `case`, reset to how it was loaded, and the seconds that loading took (0 if reused).

        Raises ModelUnavailable, Rejection, or whatever diffusers raises when it loads the model.
        """
        try:
            return self._take(case, device)
        except (ImportError, RuntimeError) as error:
            if _lacks_a_package(error):
                raise ModelUnavailable(
                    f"{case.pipeline} needs a package that is not installed: {error}"
                ) from error
            raise

    def _take(self, case: Case, device: torch.device) -> tuple[Loaded, float]:
        key = f"{case.pipeline} {case.base} {to_json(case.model)} {device}"
        if self._loaded is not None and key == self._key:
            _reset(self._loaded)
            _put_scheduler(self._loaded.pipeline, case.scheduler)
            return self._loaded, 0.0
        # The old pipeline is let go before the new one comes, so that two never share the memory.
        self._loaded = None
        loaded = _load(case, device)
        self._key, self._loaded = key, loaded
        _put_scheduler(loaded.pipeline, case.scheduler)
        return loaded, loaded.seconds


def _load(case: Case, device: torch.device) -> Loaded:
    started = time.perf_counter()
    # Whatever a load draws (weights that a checkpoint lacks) must not depend on the cases before it.
    seeding.seed_globals(0)
    pipeline_class = _pipeline_class(case.pipeline)
    folder = _folder(case.model, Path(case.base))
    pipeline = pipeline_class.from_pretrained(
        folder,
        variant=case.model.variant,
        use_safetensors=True,
        **{_DTYPE_KEYWORD: getattr(torch, case.model.dtype)},
        **case.model.components,
    )
    _check_components(type(pipeline), case.model.components)
    pipeline.to(device)
    warnings = _to_eval_mode(pipeline)
    attributes = tuple((holder, dict(vars(holder))) for holder in _holders(pipeline))
    parts = {id(part): part for _, held in attributes for part in held.values()}
    schedulers = tuple((part, _state_of(part)) for part in parts.values() if isinstance(part, SchedulerMixin))
    return Loaded(pipeline, attributes, schedulers, warnings, time.perf_counter() - started)


def _lacks_a_package(error: BaseException) -> bool:
    """Whether `error` comes from a package that is not installed here.

    An installed package that lacks a name or a module is another matter: after an upgrade, that is a regression.
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        return find_spec(error.name.partition(".")[0]) is None
    # The words of `requires_backends` in diffusers.utils.import_utils, and of its twin in transformers.
    if isinstance(error, ImportError) and "was not found in your environment" in str(error):
        return True
    return error.__cause__ is not None and _lacks_a_package(error.__cause__)


def _check_components(pipeline_class: type[DiffusionPipeline], given: Mapping[str, object]) -> None:
    """Raise a Rejection for a keyword that `from_pretrained` ignored with no more than a log line."""
    own = [name for name in inspect.signature(pipeline_class.__init__).parameters if name != "self"]
    for name, value in given.items():
        if name not in own and name not in _LOADING_OPTIONS:
            accepted = ", ".join((*own, *_LOADING_OPTIONS))
            raise Rejection(
                f"model.components.{name}", value, f"accepted: {accepted}; use one of these names"
            )


def _pipeline_class(name: str) -> type[DiffusionPipeline]:
    if name == "auto":
        return DiffusionPipeline
    return _class_of_diffusers("pipeline", name)


def _class_of_diffusers(key: str, name: str) -> type[Any]:
    found = getattr(diffusers, name, None)
    if not isinstance(found, type):
        raise Rejection(
            key, name, f"diffusers {diffusers.__version__} has no such class; name one that it has"
        )
    return found


def _folder(model: ModelSpec, base: Path) -> str:
    """The local folder that holds the model; hub models are brought into the hub's cache first."""
    if model.id.startswith("builtin:"):
        return str(zoo.model_dir(model.id.removeprefix("builtin:")))
    local = base / model.id
    if local.is_dir():
        return str(local.resolve())
    try:
        return str(
            DiffusionPipeline.download(
                model.id,
                revision=model.revision,
                variant=model.variant,
                use_safetensors=True,
                **model.components,
            )
        )
    except (AttributeError, ImportError, NameError, TypeError):
        # Code that broke, not a model that is out of reach: to skip the case would hide a regression.
        raise
    except Exception as error:
        # Whatever stands between this machine and the hub (no network, no such repository, no access,
        # no safetensors weights), the model cannot be had here.
        raise ModelUnavailable(f"{model.id} cannot be had here: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def _holders(pipeline: DiffusionPipeline) -> Iterator[DiffusionPipeline]:
    """The pipeline, and the pipelines it is made of."""
    yield pipeline
    for part in vars(pipeline).values():
        if isinstance(part, DiffusionPipeline):
            yield from _holders(part)


def _parts(pipeline: DiffusionPipeline) -> Iterator[tuple[str, object]]:
    """The components of a pipeline by the pipeline's own names."""
    yield from pipeline.components.items()


def _to_eval_mode(pipeline: DiffusionPipeline) -> tuple[str, ...]:
    modules = {name: part for name, part in _parts(pipeline) if isinstance(part, torch.nn.Module)}
    training = sorted(name for name, module in modules.items() if any(m.training for m in module.modules()))
    for module in modules.values():
        module.eval()
    return tuple(f"{name} was loaded in train mode and put in eval mode" for name in training)


def _state_of(scheduler: SchedulerMixin) -> Mapping[str, object]:
    return _copied(vars(scheduler))


def _copied(state: Mapping[str, object]) -> Mapping[str, object]:
    # The config is replaced, never changed in place, and its frozen dict cannot be deep-copied.
    return {key: value if key == "_internal_dict" else copy.deepcopy(value) for key, value in state.items()}


def _reset(loaded: Loaded) -> None:
    """Undo what runs leave behind: attributes of the pipelines, the schedulers' state, train mode.

    The schedulers are reset in place, since other parts of a pipeline may hold the same object.
    """
    for pipeline, attributes in loaded.attributes:
        _replace(vars(pipeline), attributes)
    for scheduler, state in loaded.schedulers:
        _replace(vars(scheduler), _copied(state))
    _to_eval_mode(loaded.pipeline)


def _replace(attributes: dict[str, object], by: Mapping[str, object]) -> None:
    attributes.clear()
    attributes.update(by)


def _put_scheduler(pipeline: DiffusionPipeline, spec: SchedulerSpec | None) -> None:
    if spec is None:
        return
    own = [name for name, part in _parts(pipeline) if isinstance(part, SchedulerMixin)]
    name = "scheduler" if "scheduler" in own else own[0] if len(own) == 1 else None
    if name is None:
        raise Rejection(
            "scheduler", spec.class_name, f"the pipeline has {', '.join(own) or 'no scheduler'}; leave it out"
        )
    before = getattr(pipeline, name)
    scheduler_class: type[Any] = (
        type(before) if spec.class_name is None else _class_of_diffusers("scheduler.class", spec.class_name)
    )
    after = scheduler_class.from_config(before.config, **spec.options)
    # Only now: a class that lacks its package raises above, and tells no names below.
    accepted = [
        key for key in inspect.signature(scheduler_class.__init__).parameters if key not in ("self", "kwargs")
    ]
    for option, value in spec.options.items():
        if option not in accepted:
            message = f"{scheduler_class.__name__} takes: {', '.join(accepted)}; use one of these names"
            raise Rejection(f"scheduler.{option}", value, message)
    for holder in _holders(pipeline):
        for key, part in list(vars(holder).items()):
            if part is before:
                setattr(holder, key, after)
