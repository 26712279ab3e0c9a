"""Remember the state of a freshly loaded pipeline, and restore it after a run."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from diffusers import DiffusionPipeline, SchedulerMixin

from harness.worker.environment.classes import is_own
from harness.worker.model_files.modular import GUIDER
from harness.worker.state.holdings import Change
from harness.worker.state.reachable import Reached, Walk
from harness.worker.state.watch import Watch

RESTORED = (SchedulerMixin, GUIDER)
"""The parts of a pipeline that are restored after every run, whether it changed them or not."""


@dataclass(frozen=True, slots=True)
class Pristine:
    """The attributes of a pipeline and its nested pipelines, the state of each scheduler and guider, and the rest.

    The rest is everything reachable from the pipeline. It does not include classes and functions of libraries, which
    belong to the process. It includes those of the user's own file, which runs again for every pipeline that is
    loaded.
    """

    attributes: tuple[tuple[DiffusionPipeline, Mapping[str, object]], ...]
    schedulers: tuple[tuple[SchedulerMixin, Mapping[str, object]], ...]
    rest: Watch

    @classmethod
    def of(cls, pipeline: DiffusionPipeline, found: Reached | None = None) -> Self:
        """The current state of `pipeline`; `found` is what was reached from it, but not inside of `RESTORED`."""
        attributes = tuple((holder, dict(vars(holder))) for holder in holders(pipeline))
        parts = {id(part): part for _, held in attributes for part in held.values()}
        schedulers = tuple(
            (part, _copied(vars(part))) for part in parts.values() if isinstance(part, RESTORED)
        )
        return cls(attributes, schedulers, Watch(found or walk(pipeline, RESTORED).finish()))

    def restore(self, *, thorough: bool = True) -> tuple[Change, ...]:
        """Undo what runs leave behind; return the changes outside pipeline attributes and schedulers.

        If every change is `undone`, the pipeline is as freshly loaded; otherwise it must not be used again.
        `thorough` is for code that may have done anything. Without it, writes into part of a weight that bypass
        torch go unnoticed, and so do renamed attributes.
        Schedulers are restored in place, since other parts of a pipeline may hold the same object.
        """
        for pipeline, attributes in self.attributes:
            _replace(vars(pipeline), attributes)
        for scheduler, state in self.schedulers:
            _replace(vars(scheduler), _copied(state))
        return tuple(self.rest.changes(thorough=thorough))


def walk(pipeline: DiffusionPipeline, leaves: tuple[type, ...] = ()) -> Walk:
    """A walk over everything reachable from `pipeline`, and from the user's own file that defines its class.

    It does not enter any of `leaves`.
    """
    found = Walk(leaves, is_own)
    found.start(type(pipeline).__name__, pipeline)
    if is_own(type(pipeline)):
        module = sys.modules[type(pipeline).__module__]
        found.through(module.__name__, vars(module))
    return found


def holders(pipeline: DiffusionPipeline) -> Iterator[DiffusionPipeline]:
    """The pipeline and its nested pipelines."""
    yield pipeline
    for part in list(vars(pipeline).values()):
        if isinstance(part, DiffusionPipeline):
            yield from holders(part)


def to_eval_mode(pipeline: DiffusionPipeline) -> tuple[str, ...]:
    """Put every component in eval mode; a sentence for each that was not."""
    modules = {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}
    training = sorted(name for name, module in modules.items() if any(m.training for m in module.modules()))
    for module in modules.values():
        module.eval()
    return tuple(f"{name} was loaded in train mode and switched to eval mode" for name in training)


def _copied(state: Mapping[str, object]) -> Mapping[str, object]:
    # The config is replaced, never changed in place, and its frozen dict cannot be deep-copied.
    return {key: value if key == "_internal_dict" else copy.deepcopy(value) for key, value in state.items()}


def _replace(attributes: dict[str, object], by: Mapping[str, object]) -> None:
    attributes.clear()
    attributes.update(by)
