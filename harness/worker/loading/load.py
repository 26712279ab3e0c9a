"""Load pipelines, keep the last one, and return it to the next case as if freshly loaded."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import DiffusionPipeline

from harness.codec import to_json
from harness.core.case import Case
from harness.worker import seeding
from harness.worker.environment.classes import pipeline_class
from harness.worker.environment.releases import ModularPipeline, dtype_keyword
from harness.worker.heard import Heard, listening
from harness.worker.loading import gaps, variants
from harness.worker.loading.alignment import align_and_walk
from harness.worker.loading.pristine import Pristine, to_eval_mode
from harness.worker.loading.schedulers import put_scheduler
from harness.worker.model_files import models
from harness.worker.model_files.additions import Files
from harness.worker.model_files.weights import component_digests
from harness.worker.rejection import Lacking

# diffusers renamed the keyword; versions with the new name have a deprecation message for the old one.
_DTYPE_KEYWORD = dtype_keyword()

_SHOWN = 8
"""How many changed places a log line names."""

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
"""Keyword arguments of `from_pretrained` and `from_single_file` that are not components of a pipeline."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pipeline on its device, and what it was loaded from.

    `commit` is the hub commit, None for models that are not from the hub. `weights` has the sha256 over the
    weights of each component that has some, taken before the variant changes any. `files` are the files that the
    config adds to the model.
    """

    pipeline: DiffusionPipeline
    pristine: Pristine
    warnings: tuple[str, ...]
    seconds: float
    commit: str | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    files: Files = field(default_factory=dict)


def beyond_diffusers(case: Case) -> bool:
    """Whether the case's run calls more than a pipeline of diffusers: the user's own code, or other methods."""
    return ":" in case.pipeline or bool(case.before)


class PipelineCache:
    """Holds the last pipeline: the parent sends cases that share one in sequence."""

    def __init__(self) -> None:
        self._key = ""
        self._loaded: Loaded | None = None
        self._anything = False  # whether the last run may have changed the pipeline in any way

    def take(self, case: Case, device: torch.device) -> tuple[Loaded, float]:
        """The pipeline for `case` in its loaded state, and the seconds that loading took (0 if reused).

        Raises ModelUnavailable, Rejection, or whatever diffusers raises when it loads the model.
        """
        _forget_compiled()
        thorough, self._anything = self._anything, beyond_diffusers(case)
        key = f"{case.pipeline} {case.base} {to_json(case.model)} {to_json(case.variant)} {device}"
        kept = self._loaded if key == self._key and case.variant.compile is None else None
        if kept is not None and _as_loaded(kept, thorough=thorough):
            put_scheduler(kept.pipeline, case.scheduler)
            return kept, 0.0
        # Release the old pipeline before loading the new one, so that memory never holds two.
        self._loaded = kept = None
        loaded = _load(case, device)
        self._key, self._loaded = key, loaded
        put_scheduler(loaded.pipeline, case.scheduler)
        return loaded, loaded.seconds


def _forget_compiled() -> None:
    """Discard what torch compiled: how it compiles depends on the shapes that it saw before."""
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


def _as_loaded(loaded: Loaded, *, thorough: bool) -> bool:
    """Restore the pipeline's loaded state; if that is impossible, log a line and return False."""
    left = [one.where for one in loaded.pristine.restore(thorough=thorough) if not one.undone]
    if left:
        print(f"the pipeline is loaded again: the last run changed {_some(left)}", file=sys.stderr)
    return not left


def _some(places: Sequence[str]) -> str:
    shown = places[:_SHOWN]
    return ", ".join(shown) + (f" and {len(places) - len(shown)} more" if len(places) > _SHOWN else "")


def _load(case: Case, device: torch.device) -> Loaded:
    started = time.perf_counter()
    # Random values drawn while loading (weights that a checkpoint lacks) must not depend on earlier cases.
    seeding.seed_globals(0)
    wanted, base = pipeline_class(case), Path(case.base)
    source = models.locate(case.model, base, pipeline_class=wanted)
    keywords = variants.loading_keywords(case, _DTYPE_KEYWORD)
    heard = Heard()
    with listening(heard):
        with gaps.observed() as found:
            pipeline = models.load(source, case.model, base, wanted, **keywords)
        _check_components(pipeline, case.model.components)
        warnings = source.warnings + gaps.warnings(case.model, pipeline, found) + to_eval_mode(pipeline)
        weights = component_digests(pipeline)
        files = {**models.named_files(source, case.model, base), **variants.set_up(pipeline, case, device)}
    reached = align_and_walk(pipeline)
    warnings += heard.sentences()
    seconds = time.perf_counter() - started
    return Loaded(pipeline, Pristine.of(pipeline, reached), warnings, seconds, source.commit, weights, files)


def _check_components(pipeline: DiffusionPipeline, given: Mapping[str, object]) -> None:
    """Raise Lacking for a keyword that `from_pretrained` only logged and ignored."""
    modular = isinstance(pipeline, ModularPipeline)
    names = pipeline.components if modular else inspect.signature(type(pipeline).__init__).parameters
    own = [name for name in names if name != "self"]
    for name, value in given.items():
        if name not in own and name not in _LOADING_OPTIONS:
            accepted = ", ".join((*own, *_LOADING_OPTIONS))
            fact = f"accepted: {accepted}"
            raise Lacking(f"model.components.{name}", value, fact, "use one of these names", name=name)
