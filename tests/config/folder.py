"""A folder of configs in a test: writing files into it, and what loading it gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.load import load_cases
from harness.core.case import Case
from harness.errors import ConfigError

MINIMAL = "pipeline: DDIMPipeline\nmodel: {id: 'builtin:ddpm-digits'}\n"


def write(configs: Path, **files: str) -> None:
    for name, text in files.items():
        path = configs / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f"{path.name}.yaml").write_text(text)


def problems(configs: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_cases(configs)
    assert caught.value.exit_code == 2
    return [str(problem) for problem in caught.value.problems]


def only_case(configs: Path) -> Case:
    [case] = load_cases(configs).cases
    return case
