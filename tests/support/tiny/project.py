"""A project folder in which the harness runs tiny pipelines from YAML alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.support.tiny.registry import TinyPipeline, build_folder

TIMEOUT = 300


def config_of(entry: TinyPipeline, model: str) -> dict[str, Any]:
    """The config of `entry` over the model folder `model`; input files lie under inputs/ beside the config."""
    config: dict[str, Any] = {
        "pipeline": entry.name,
        "model": {"id": model, "components": dict(entry.overrides)},
        "generator": entry.generator,
        "call": _with_inputs(dict(entry.call)),
        "timeout": TIMEOUT,
    }
    steps = config["call"].pop("num_inference_steps", None)
    if entry.steps is not None:
        config["steps"] = entry.steps if isinstance(entry.steps, int) else dict(entry.steps)
    elif steps is not None:
        config["steps"] = steps
    if entry.before:
        config["before"] = [_preparation(dict(step), entry.generator != "none") for step in entry.before]
    return config


def write_project(entries: Iterable[TinyPipeline], folder: Path) -> None:
    """Build every model and write its config: folder/models/NAME and folder/configs/NAME.yaml."""
    (folder / "configs/inputs").mkdir(parents=True, exist_ok=True)
    for entry in entries:
        build_folder(entry, folder / "models" / entry.name)
        entry.write_inputs(folder / "configs/inputs")
        text = yaml.safe_dump(config_of(entry, f"../models/{entry.name}"), sort_keys=False)
        (folder / f"configs/{entry.name}.yaml").write_text(text)


def _with_inputs(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$file"}:
            return {"$file": f"inputs/{value['$file']}"}
        return {key: _with_inputs(item) for key, item in value.items()}
    return [_with_inputs(item) for item in value] if isinstance(value, list) else value


def _preparation(step: dict[str, Any], generator: bool) -> dict[str, Any]:
    [(method, arguments)] = step.items()
    return {"method": method, "call": _with_inputs(dict(arguments)), "generator": generator}
