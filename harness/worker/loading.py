"""Load pipelines, keep the last one for the next case, and hand it out as if freshly loaded."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import DiffusionPipeline, ModularPipeline
from diffusers.utils import deprecation_utils

from harness.codec import to_json
from harness.core.case import Case
from harness.worker import gaps, models, seeding, variants
from harness.worker.additions import Files
from harness.worker.classes import pipeline_class
from harness.worker.heard import Heard, listening
from harness.worker.models import ModelUnavailable
from harness.worker.pristine import Pristine, to_eval_mode
from harness.worker.rejection import Rejection
from harness.worker.schedulers import put_scheduler

__all__ = ["Loaded", "ModelUnavailable", "PipelineShelf"]

# diffusers renamed the keyword; versions that know the new name carry the old one's deprecation message.
_DTYPE_KEYWORD = "dtype" if hasattr(deprecation_utils, "_TORCH_DTYPE_DEPRECATION_MESSAGE") else "torch_dtype"

_LOADING_OPTIONS = (
    "cache_dir",
    "config",
    "device_map",
    "disable_mmap",
    "force_download",
    "local_files_only",
    "low_cpu_mem_usage",
    "max_memory",
    "offload_folder",
    "offload_state_dict",
    "original_config",
    "proxies",
    "quantization_config",
    "token",
    "use_flashpack",
)
"""Keyword arguments of `from_pretrained` and `from_single_file` that are no components of a pipeline."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pipeline on its device, and what was really loaded.

    `commit` is the hub commit, None for models that are not from the hub; `weights` the sha256 over the
    weights of each component that has some, taken before the variant changed any,
    and `files` what the config adds to the model.
    """

    pipeline: DiffusionPipeline
    pristine: Pristine
    warnings: tuple[str, ...]
    seconds: float
    commit: str | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    files: Files = field(default_factory=dict)


class PipelineShelf:
    """Holds the pipeline loaded last: the parent sends cases that share one in a row."""

    def __init__(self) -> None:
        self._key = ""
        self._loaded: Loaded | None = None

    def take(self, case: Case, device: torch.device) -> tuple[Loaded, float]:
        """The pipeline for `case`, reset to how it was loaded, and the seconds that loading took (0 if reused).

        Raises ModelUnavailable, Rejection, or whatever diffusers raises when it loads the model.
        """
        key = f"{case.pipeline} {case.base} {to_json(case.model)} {to_json(case.variant)} {device}"
        if self._loaded is not None and key == self._key:
            self._loaded.pristine.restore()
            put_scheduler(self._loaded.pipeline, case.scheduler)
            return self._loaded, 0.0
        # The old pipeline is let go before the new one comes, so that two never share the memory.
        self._loaded = None
        loaded = _load(case, device)
        self._key, self._loaded = key, loaded
        put_scheduler(loaded.pipeline, case.scheduler)
        return loaded, loaded.seconds


def _load(case: Case, device: torch.device) -> Loaded:
    started = time.perf_counter()
    # Whatever a load draws (weights that a checkpoint lacks) must not depend on the cases before it.
    seeding.seed_globals(0)
    wanted, base = pipeline_class(case), Path(case.base)
    source = models.locate(case.model, base, pipeline_class=wanted)
    keywords = variants.loading_keywords(case, _DTYPE_KEYWORD)
    said = Heard()
    with listening(said):
        with gaps.observed() as found:
            pipeline = models.load(source, case.model, base, wanted, **keywords)
        _check_components(pipeline, case.model.components)
        warnings = source.warnings + gaps.warnings(case.model, pipeline, found) + to_eval_mode(pipeline)
        weights = models.component_digests(pipeline)
        files = {**models.named_files(source, case.model, base), **variants.set_up(pipeline, case, device)}
    warnings += said.sentences()
    seconds = time.perf_counter() - started
    return Loaded(pipeline, Pristine.of(pipeline), warnings, seconds, source.commit, weights, files)


def _check_components(pipeline: DiffusionPipeline, given: Mapping[str, object]) -> None:
    """Raise a Rejection for a keyword that `from_pretrained` ignored with no more than a log line."""
    modular = isinstance(pipeline, ModularPipeline)
    names = pipeline.components if modular else inspect.signature(type(pipeline).__init__).parameters
    own = [name for name in names if name != "self"]
    for name, value in given.items():
        if name not in own and name not in _LOADING_OPTIONS:
            accepted = ", ".join((*own, *_LOADING_OPTIONS))
            raise Rejection(
                f"model.components.{name}", value, f"accepted: {accepted}; use one of these names"
            )
