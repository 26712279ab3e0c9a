"""The method calls that a case makes before its run, such as LEdits++'s `invert`."""

from __future__ import annotations

import inspect

import torch
from diffusers import DiffusionPipeline

from harness.core import preparations
from harness.core.case import Case, Preparation
from harness.worker import seeding
from harness.worker.inputs import arguments
from harness.worker.rejection import Rejection


def prepare(pipeline: DiffusionPipeline, case: Case, device: torch.device) -> None:
    """Make the calls in order; raises Rejection for a method or argument that the pipeline does not have."""
    for number, step in enumerate(case.before):
        key = f"before.{number}"
        method = _method(pipeline, f"{key}.method", step.method)
        keywords = arguments(case, f"{key}.call", step.call)
        if step.generator:
            keywords["generator"] = seeding.fresh_generator(case, device)
        _check_taken(key, step, keywords, method)
        method(**keywords)


def _method(pipeline: DiffusionPipeline, key: str, name: str):  # type: ignore[no-untyped-def]
    kind = type(pipeline)
    definer = next((one for one in kind.__mro__ if name in vars(one)), None)
    if definer is None or not callable(getattr(kind, name)):
        raise Rejection(key, name, f"{kind.__name__} has no such method")
    if not preparations.may_be_called(name, definer.__module__):
        raise Rejection(key, name, preparations.refusal(kind.__name__))
    return getattr(pipeline, name)


def _check_taken(key: str, step: Preparation, keywords: dict[str, object], method) -> None:  # type: ignore[no-untyped-def]
    accepted = inspect.signature(method).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        return
    for name in keywords:
        if name not in accepted:
            message = f"{step.method} takes: {', '.join(accepted)}; use one of these names"
            raise Rejection(f"{key}.call.{name}", step.call.get(name, "generator"), message)
