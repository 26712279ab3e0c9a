"""The method calls that a case makes before its run, such as LEdits++'s `invert`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline

from harness.core import preparations
from harness.core.capture import LoadedFile
from harness.core.case import Case, Preparation
from harness.worker import additions, ip_adapters, seeding
from harness.worker.additions import Files
from harness.worker.inputs import arguments
from harness.worker.rejection import Rejection
from harness.worker.sealed import sealed


def prepare(pipeline: DiffusionPipeline, case: Case, device: torch.device) -> Files:
    """Make the calls in order; what they read of the files that they name.

    Raises Rejection for a method or argument that the pipeline does not have, and ModelUnavailable.
    """
    files: dict[str, LoadedFile] = {}
    for number, step in enumerate(case.before):
        key = f"before.{number}"
        method = _method(pipeline, f"{key}.method", step.method)
        keywords = arguments(case, f"{key}.call", step.call)
        if step.generator:
            keywords["generator"] = seeding.fresh_generator(case, device)
        _check_taken(key, step, keywords, method)
        if step.method.startswith("load_"):
            with sealed(f"{key}.method", step.method):
                keywords, read = _with_places(
                    pipeline, step.method, f"before[{number}].call", keywords, Path(case.base)
                )
                files.update(read)
                method(**keywords)
        else:
            method(**keywords)
    return files


def _with_places(
    pipeline: DiffusionPipeline, method: str, key: str, keywords: dict[str, Any], base: Path
) -> tuple[dict[str, Any], Files]:
    """The arguments of a method that loads something, with paths beside the config absolute; what it will read."""
    if method == ip_adapters.METHOD:
        return ip_adapters.arguments(pipeline, key, keywords, base)
    files: dict[str, LoadedFile] = {}
    for name, value in keywords.items():
        if name == ip_adapters.SOURCE and isinstance(value, str):
            additions.refuse_absent(value, base)
        if isinstance(value, str) and value and (base / value).exists():
            files.update(additions.whole(f"{key}.{name}", value, base))
            keywords[name] = str(base / value)
    return keywords, files


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
