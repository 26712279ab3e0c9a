"""What the tests of configs share: an empty folder, and a small package that stands in for diffusers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.config.pipelines import classes, installed


@pytest.fixture
def stand_in_for_diffusers(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Path]]:
    """Puts a package `diffusers` with the given `__init__.py` before the installed one; gives that file's path."""

    def install(text: str) -> Path:
        init = tmp_path_factory.mktemp("site") / "diffusers" / "__init__.py"
        init.parent.mkdir()
        init.write_text(text)
        monkeypatch.syspath_prepend(init.parent.parent)
        monkeypatch.delitem(sys.modules, "diffusers", raising=False)
        forget()
        return init

    def forget() -> None:
        installed.diffusers_folder.cache_clear()
        installed.diffusers_text.cache_clear()
        classes._backends.cache_clear()
        classes._names.cache_clear()

    yield install
    forget()


DIFFUSERS = """
_import_structure = {"pipelines": ["DDIMPipeline", "DDPMPipeline", "StableDiffusionImg2ImgPipeline"]}
_import_structure["pipelines"].extend(["StableDiffusionPipeline", "UnCLIPPipeline"])
_import_structure["schedulers"] = ["DDIMScheduler", "EulerDiscreteScheduler"]
"""


@pytest.fixture
def configs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in_for_diffusers: Callable[[str], Path]
) -> Path:
    """An empty folder `configs` in the current directory, and a diffusers with five pipelines and two schedulers."""
    stand_in_for_diffusers(DIFFUSERS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    return Path("configs")
