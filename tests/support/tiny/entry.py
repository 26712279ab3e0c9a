"""The word for one tiny pipeline: how it is built, and the call that runs it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
from diffusers import DiffusionPipeline

from tests.support.tiny import inputs

Components = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class TinyPipeline:
    """A pipeline class with tiny components.

    `call` holds JSON values, with `{"$file": name}` for input files (see `inputs`) and `{"$tuple": [...]}`;
    `steps` is what `num_inference_steps` gets (a mapping `{prior: 2}` gives `prior_num_inference_steps`, None
    leaves it out); `generator` is `cpu` or `none`; `before` lists the method calls that must come first,
    each one `{method: arguments}`; `needs` lists packages without which the call fails; `overrides` are
    keyword arguments that `from_pretrained` needs.
    """

    name: str
    family: str
    build: Callable[[], DiffusionPipeline]
    call: Mapping[str, Any]
    steps: int | Mapping[str, int] | None = 2
    generator: str = "cpu"
    before: tuple[Mapping[str, Mapping[str, Any]], ...] = ()
    needs: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def write_inputs(self, folder: Path) -> None:
        """Write the input files that `call` and `before` refer to into `folder`."""
        for name in sorted(
            {*inputs.referenced(dict(self.call)), *inputs.referenced([dict(b) for b in self.before])}
        ):
            inputs.write(folder, name)

    def arguments(self, folder: Path) -> dict[str, Any]:
        """The call's keyword arguments but the generator, with input files read from `folder`."""
        resolved = inputs.resolve(dict(self.call), folder)
        assert isinstance(resolved, dict)
        return {**resolved, **self._steps()}

    def _steps(self) -> dict[str, int]:
        if self.steps is None:
            return {}
        if isinstance(self.steps, int):
            return {"num_inference_steps": self.steps}
        return {f"{stage}_num_inference_steps": count for stage, count in self.steps.items()}


def pipeline_class(name: str) -> type[DiffusionPipeline]:
    """The class called `name`, exported by diffusers or at `module:name`."""
    module, _, attribute = name.rpartition(":")
    found: type[DiffusionPipeline] = getattr(
        importlib.import_module(module) if module else diffusers, attribute
    )
    return found


def tiny(
    name: str, family: str, components: Components, call: Mapping[str, Any], **options: Any
) -> TinyPipeline:
    """The entry for the pipeline class `name`, whose constructor takes what `components` returns."""

    def build() -> DiffusionPipeline:
        pipeline: DiffusionPipeline = pipeline_class(name)(**components())
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    return TinyPipeline(name.rpartition(":")[2], family, build, call, **options)
