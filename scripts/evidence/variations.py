"""The configs that the stages run: copies of the project's, and variations of them, written as YAML."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from harness.config.load import load_cases
from harness.core.case import BUILTIN, Case
from scripts.evidence.bench import Bench

SHORT = ("ddim/cpu-generator", "ddim/device-generator")
"""The cases of a short run: two steps of the smallest model."""

LATENTS = "sd/ddim-latents"
"""Fifty steps of DDIM, the latents: the run that the reproducibility guide calls for twice."""

VARIED = "gpu/ddim-latents"

_DROPPED = ("invariants", "min_sensitivity", "forced", "tolerance", "tags", "matrix", "expect")
"""Keys that a variation does without: they need more runs, or say something about the original only."""


def prepared(bench: Bench) -> tuple[Case, ...]:
    """The cases that get goldens, the most important first; writes their configs into the folder of the work.

    These are the project's, except those whose model is downloaded, and one in all dtypes with both generators.
    """
    if not bench.configs.is_dir():
        copied = bench.configs.with_name("configs.part")
        shutil.rmtree(copied, ignore_errors=True)
        shutil.copytree(bench.root / "configs", copied, ignore=shutil.ignore_patterns("hub"))
        dtypes = ["float32", "float16"] if bench.short else ["float32", "float16", "bfloat16"]
        source = SHORT[0] if bench.short else LATENTS
        matrix = {"generator": ["cpu", "device"], "model.dtype": dtypes}
        varied(bench, copied, source, VARIED, {"matrix": matrix, "tolerance": {"cross-hardware": "refuse"}})
        copied.rename(bench.configs)
    cases = [case for case in load_cases(bench.configs).cases if runs_on(case, bench.device)]
    if bench.short:
        cases = [case for case in cases if case.id in SHORT or case.id.startswith(VARIED)]
    return tuple(
        sorted(
            cases,
            key=lambda case: (case.id != LATENTS, not case.id.startswith("gpu/"), "smoke" not in case.tags),
        )
    )


def runs_on(case: Case, device: str) -> bool:
    """Whether the case may run on this device with a model that is there."""
    return case.model.id.startswith(BUILTIN) and device in (case.devices or (device,))


def varied(bench: Bench, configs: Path, source: str, name: str, changes: Mapping[str, object]) -> None:
    """Write the config `name`: that of the project's case `source` with these keys.

    A key with dots changes an entry of a mapping.
    """
    text = (bench.root / "configs" / f"{source}.yaml").read_text(encoding="utf-8")
    config = {key: value for key, value in yaml.safe_load(text).items() if key not in _DROPPED}
    for key, value in changes.items():
        outer, _, inner = key.partition(".")
        if inner:
            config[outer] = {**config.get(outer, {}), inner: value}
        else:
            config[outer] = value
    path = configs / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
