"""Class names read from diffusers' text: the names of the real package, and of small packages written here."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config.pipelines import classes

INIT = """
from .utils import is_torch_available

_import_structure = {
    "pipelines": [],
    "schedulers": ["FirstScheduler"],
    "models": ["PipelineModel"],
    "utils": ["SomePipeline"],
}
try:
    if not is_torch_available():
        raise ImportError
except ImportError:
    _import_structure["utils.dummy_objects"] = ["DummyPipeline"]
else:
    _import_structure["pipelines"].extend(["AlphaPipeline", "AlphaPipelineOutput", 'QuotedPipeline'])
    _import_structure["modular_pipelines"] = ["BetaModularPipeline", "AutoPipelineBlocks"]
    try:
        import something
    except ImportError:
        pass
    else:
        _import_structure["pipelines"].append("DeepPipeline")
        _import_structure["pipelines"] += ["AddedPipeline", "AutoPipelineForSound"]
        _import_structure["schedulers"].extend(["SecondScheduler", "SecondSchedulerOutput", "SchedulerMixin"])
"""


@pytest.fixture
def diffusers_text(stand_in_for_diffusers: Callable[[str], Path]) -> Path:
    """The `__init__.py` of a package `diffusers` that stands in for the installed one."""
    return stand_in_for_diffusers(INIT)


@pytest.mark.usefixtures("diffusers_text")
def test_names_come_from_every_block_of_the_import_structure() -> None:
    assert classes.pipeline_names() == (
        "AddedPipeline",
        "AlphaPipeline",
        "AutoPipelineForSound",
        "BetaModularPipeline",
        "DeepPipeline",
        "QuotedPipeline",
    )
    assert classes.scheduler_names() == ("FirstScheduler", "SecondScheduler")


@pytest.mark.usefixtures("diffusers_text")
@pytest.mark.parametrize(
    "name", ["auto", "AlphaPipeline", "QuotedPipeline", "BetaModularPipeline", "AutoPipelineForSound"]
)
def test_an_exported_pipeline_is_accepted(name: str) -> None:
    assert classes.pipeline_problem(name) is None


@pytest.mark.usefixtures("diffusers_text")
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (
            "AlfaPipeline",
            "the installed diffusers exports no pipeline of this name; did you mean 'AlphaPipeline'?",
        ),
        (
            "alpha",
            "the installed diffusers exports no pipeline of this name; did you mean 'AlphaPipeline'?",
        ),
        (
            "UNet",
            "the installed diffusers exports no pipeline of this name; expected one such as AddedPipeline",
        ),
    ],
)
def test_an_unknown_pipeline_gets_near_names_or_an_example(name: str, problem: str) -> None:
    assert classes.pipeline_problem(name) == problem


@pytest.mark.usefixtures("diffusers_text")
def test_a_misspelt_suffix_is_found_too() -> None:
    assert "did you mean 'AlphaPipeline'" in str(classes.pipeline_problem("AlphaPipline"))


@pytest.mark.usefixtures("diffusers_text")
@pytest.mark.parametrize(
    "name", ["AlphaPipelineOutput", "AutoPipelineBlocks", "FirstScheduler", "is_torch_available"]
)
def test_what_is_exported_but_is_no_pipeline_is_refused(name: str) -> None:
    assert classes.pipeline_problem(name) is not None


@pytest.mark.usefixtures("diffusers_text")
def test_schedulers_are_distinguished_from_their_outputs() -> None:
    assert classes.scheduler_problem("SecondScheduler") is None
    assert classes.scheduler_problem("SecondSchedulerOutput") is not None
    assert classes.scheduler_problem("SekondScheduler") == (
        "the installed diffusers exports no scheduler of this name; did you mean 'SecondScheduler'?"
    )


@pytest.mark.parametrize("text", ["", "def broken(", "__version__ = '1.0'"])
def test_a_package_whose_names_cannot_be_read_checks_nothing(diffusers_text: Path, text: str) -> None:
    diffusers_text.write_text(text)
    assert classes.pipeline_names() == ()
    assert classes.pipeline_problem("Anything") is None
    assert classes.scheduler_problem("Anything") is None


@pytest.mark.parametrize("outcome", ["absent", "broken"])
@pytest.mark.usefixtures("diffusers_text")
def test_without_diffusers_names_are_not_checked(outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> None:
        if outcome == "broken":
            raise ValueError(f"{name}.__spec__ is None")

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    assert classes.pipeline_names() == classes.scheduler_names() == ()
    assert classes.pipeline_problem("AnythingPipeline") is None


def test_the_installed_diffusers_offers_what_its_type_checking_block_imports() -> None:
    """The names under TYPE_CHECKING are a second list, kept by hand in the same file for other readers."""
    spec = importlib.util.find_spec("diffusers")
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    [block] = [
        node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    imports = [node for node in ast.walk(block) if isinstance(node, ast.ImportFrom)]
    real = [
        node
        for node in imports
        if node.module and node.module.split(".")[0] in ("pipelines", "modular_pipelines")
    ]
    names = {alias.name for node in real for alias in node.names}
    listed = {name for name in names if name.endswith("Pipeline") or name.startswith("AutoPipelineFor")}
    assert len(listed) > 100
    assert listed <= set(classes.pipeline_names())
    assert "DDIMScheduler" in classes.scheduler_names()


def test_neither_diffusers_nor_torch_is_imported() -> None:
    code = (
        "import sys; from harness.config.pipelines import classes as p;"
        "assert p.pipeline_problem('DDIMPipeline') is None; assert p.pipeline_problem('DDIMPipelin');"
        "sys.exit(any(name in sys.modules for name in ('diffusers', 'torch', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
