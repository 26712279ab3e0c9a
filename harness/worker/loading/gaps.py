"""The weights that a checkpoint lacks, or that the classes loaded from it do not use."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DiffusionPipeline, ModelMixin
from transformers import PreTrainedModel

from harness.core.case import ModelSpec
from harness.worker.rejection import Rejection

_SHOWN = 4
"""How many names of weights a sentence shows."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """A loaded model, its weights that the checkpoint lacks, and the checkpoint's weights that it does not use."""

    model: torch.nn.Module
    missing: tuple[str, ...]
    unused: tuple[str, ...]


@contextmanager
def observed() -> Iterator[list[Gaps]]:
    """While open, add the gaps of every model that diffusers or transformers loads to the given list.

    Both only log them. They return them if asked (`output_loading_info`), but pipelines do not ask.
    """
    found: list[Gaps] = []
    with ExitStack() as stack:
        for base in (ModelMixin, PreTrainedModel):
            own = vars(base)["from_pretrained"]
            stack.callback(setattr, base, "from_pretrained", own)
            base.from_pretrained = classmethod(_observing(own.__func__, found))
        yield found


def _observing(load: Callable[..., Any], found: list[Gaps]) -> Callable[..., Any]:
    @functools.wraps(load)
    def observing(cls: type, *words: Any, **keywords: Any) -> Any:
        wanted = keywords.pop("output_loading_info", False)
        loaded = load(cls, *words, output_loading_info=True, **keywords)
        if not isinstance(loaded, tuple):
            return loaded  # loaded from a kind of file without such information
        model, info = loaded
        # Weights of another shape than the class expects keep their initial values.
        missing = {*info["missing_keys"], *(mismatch[0] for mismatch in info["mismatched_keys"])}
        if missing or info["unexpected_keys"]:
            found.append(Gaps(model, tuple(sorted(missing)), tuple(sorted(info["unexpected_keys"]))))
        return (model, info) if wanted else model

    return observing


def warnings(model: ModelSpec, pipeline: DiffusionPipeline, found: Sequence[Gaps]) -> tuple[str, ...]:
    """A sentence for each component of `pipeline` with gaps.

    Raises Rejection if weights that the checkpoint lacks were not even initialised, so that the model cannot run
    (they stay on the meta device when diffusers loads with low memory).
    """
    sentences = []
    for gaps in found:
        name = _component(pipeline, gaps.model)
        if gaps.missing:
            named = f"{_counted(gaps.missing)} missing in its checkpoint ({_listed(gaps.missing)})"
            if any(value.is_meta for value in gaps.model.state_dict().values()):
                message = f"{name} has {named}; use a complete checkpoint of {type(gaps.model).__name__}"
                raise Rejection("model.id", model.id, message)
            sentences.append(f"{name}: {named}, newly initialised; other versions may draw other values")
        if gaps.unused:
            sentences.append(
                f"{name}: {_counted(gaps.unused)} of its checkpoint not used ({_listed(gaps.unused)})"
            )
    return tuple(sentences)


def _component(pipeline: DiffusionPipeline, model: torch.nn.Module) -> str:
    modules = {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}
    held = (name for name, part in modules.items() if any(one is model for one in part.modules()))
    return next(held, type(model).__name__)


def _counted(names: Sequence[str]) -> str:
    return f"{len(names)} weight{'' if len(names) == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
