"""The method calls that a case makes before its run, such as LEdits++'s `invert`."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline

from harness.core import preparations
from harness.core.capture import LoadedFile
from harness.core.case import Case, Preparation
from harness.worker import seeding
from harness.worker.inputs.inputs import arguments
from harness.worker.loading import ip_adapters
from harness.worker.model_files import additions
from harness.worker.model_files.additions import Files
from harness.worker.model_files.sealed import sealed
from harness.worker.rejection import Lacking, Rejection


def prepare(pipeline: DiffusionPipeline, case: Case, device: torch.device) -> Files:
    """Make the calls in order and return the files that they read.

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
        loads = step.method.startswith("load_")
        with sealed(f"{key}.method", step.method) if loads else nullcontext():
            keywords, read = _with_places(
                pipeline, step.method, f"before[{number}].call", keywords, Path(case.base)
            )
            files.update(read)
            method(**keywords)
    return files


def _with_places(
    pipeline: DiffusionPipeline, method: str, key: str, keywords: dict[str, Any], base: Path
) -> tuple[dict[str, Any], Files]:
    """The arguments of a method, with nested paths relative to the config made absolute, and the files it reads."""
    if method == ip_adapters.METHOD:
        return ip_adapters.arguments(pipeline, key, keywords, base)
    files: dict[str, LoadedFile] = {}
    if isinstance(source := keywords.get(ip_adapters.SOURCE), str):
        additions.refuse_absent(source, base)
    loads = method.startswith("load_")

    def placed(where: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: placed(f"{where}.{name}", item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(placed(f"{where}[{place}]", item) for place, item in enumerate(value))
        # For any other method, text may happen to equal a file's name.
        named = isinstance(value, str) and value and (loads or value.startswith(("./", "../")))
        if not named or not (base / value).exists():
            return value
        files.update(additions.whole(where, value, base))
        return str(base / value)

    return {name: placed(f"{key}.{name}", value) for name, value in keywords.items()}, files


def _method(pipeline: DiffusionPipeline, key: str, name: str):  # type: ignore[no-untyped-def]
    kind = type(pipeline)
    definer = next((one for one in kind.__mro__ if name in vars(one)), None)
    if definer is None or not callable(getattr(kind, name)):
        raise Lacking(key, name, f"{kind.__name__} has no such method", name=name)
    if not preparations.may_be_called(name, definer.__module__):
        raise Rejection(key, name, preparations.refusal(kind.__name__))
    return getattr(pipeline, name)


def _check_taken(key: str, step: Preparation, keywords: dict[str, object], method) -> None:  # type: ignore[no-untyped-def]
    accepted = inspect.signature(method).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        return
    for name in keywords:
        if name not in accepted:
            fact, value = f"{step.method} takes: {', '.join(accepted)}", step.call.get(name, "generator")
            raise Lacking(f"{key}.call.{name}", value, fact, "use one of these names", name=name)
