"""Record a run of a pipeline in a test: the built-in models, what the run returned, and its trace read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline

from harness.core.capture import Timings
from harness.core.case import ModelSpec
from harness.core.trace import Event, TraceLevel
from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace, read_trace
from harness.worker import outputs
from harness.worker.loading.load import PipelineCache
from harness.worker.record import write_capture
from harness.worker.trace.session import recording
from tests.core.samples import ENVIRONMENT, case

PROMPT = "a handwritten seven"


@dataclass(frozen=True)
class Run:
    """What the pipeline returned, the trace of it, and the capture that holds both."""

    output: Any
    trace: Trace
    capture: Path

    @property
    def names(self) -> list[str]:
        """The names of the component-level events in order."""
        return [event.name for event in self.trace.events if event.signature.module is None]

    def event(self, name: str, index: int = 0) -> Event:
        """The event of this name and index."""
        [found] = [event for event in self.trace.events if event.key == (name, index)]
        return found

    def parent(self, event: Event) -> str | None:
        """The name of the event it happened inside."""
        return None if event.parent is None else self.trace.events[event.parent].name

    def kept(self, event: Event) -> dict[str, np.ndarray | None]:
        """The kept tensors of an event; the inputs and outputs by name."""
        return {slot.name: self.trace.bits(row, slot) for slot, row in event.slots()}


@cache
def digits(pipeline: str, model: str) -> Any:
    """A built-in model, loaded once: recording leaves nothing behind."""
    built_in = case(pipeline=pipeline, model=ModelSpec(f"builtin:{model}"))
    loaded = PipelineCache().take(built_in, torch.device("cpu"))[0].pipeline
    loaded.set_progress_bar_config(disable=True)
    return loaded


def ddim() -> Any:
    """The built-in DDIM."""
    return digits("DDIMPipeline", "ddpm-digits")


def ddpm() -> Any:
    """The built-in digits with the stochastic scheduler."""
    return digits("DDPMPipeline", "ddpm-digits")


def stable_diffusion() -> Any:
    """The built-in Stable Diffusion."""
    return digits("StableDiffusionPipeline", "sd-digits")


def unclip() -> Any:
    """The built-in unCLIP, which has three schedulers."""
    return digits("UnCLIPPipeline", "unclip-digits")


def seeded(seed: int = 0) -> torch.Generator:
    """A generator on the CPU."""
    return torch.Generator().manual_seed(seed)


def called(pipeline: DiffusionPipeline, **call: Any) -> Any:
    """What the pipeline returns unrecorded, with a generator of seed 0 where the call names none."""
    with torch.no_grad():
        return pipeline(**_arguments(call))


def record(
    folder: Path,
    pipeline: DiffusionPipeline,
    *,
    level: TraceLevel = TraceLevel.FULL,
    forced: Path | None = None,
    meanwhile: Callable[[], object] = lambda: None,
    **call: Any,
) -> Run:
    """Record one run with a generator of seed 0 where the call names none; `meanwhile` runs before the call."""
    count = len(list(folder.glob("*.safetensors")))
    path, spool = folder / f"{count}.safetensors", folder / "spool"
    arguments = _arguments(call)
    with recording(pipeline, level, spool, str(forced) if forced else None) as session, torch.no_grad():
        meanwhile()
        session.inputs(arguments)
        output = pipeline(**arguments)
        session.output(output)
    write_capture(
        path,
        case(),
        outputs.flatten(output),
        ENVIRONMENT,
        seconds=Timings(0.0, 0.0),
        global_rngs=(),
        filled_in={},
        commit=None,
        weights={},
        warnings=(),
        recorded=session.finish(),
    )
    with TensorFile(path) as file:
        trace = read_trace(file)
    assert trace is not None
    return Run(output, trace, path)


def _arguments(call: dict[str, Any]) -> dict[str, Any]:
    return {"generator": seeded(), **call}
