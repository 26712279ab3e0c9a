"""Configs as items of pytest: names, marks, selection."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.case import Case, ModelSpec
from harness.pytest_plugin.configs import group_of, item_name, marks_of
from tests.pytest_plugin.conftest import CONFIG, Run
from tests.support.pretend import Pretend

pytest_plugins = ["pytester"]

CASE = Case("a/b", "configs/a/b.yaml", "/configs/a", "DDIMPipeline", ModelSpec("builtin:ddpm-digits"))

ALL = ["configs/ddim/cpu.yaml::seed=0", "configs/ddim/cpu.yaml::seed=1", "configs/other.yaml::other"]


def collected(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line and " " not in line]


def test_each_case_is_an_item(recorded: Pretend, run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_own="def test_one(): pass")
    assert collected(run("--goldens", "--collect-only", "-q")) == [*ALL, "test_own.py::test_one"]
    assert collected(run("--collect-only", "-q")) == ["test_own.py::test_one"]


@pytest.mark.parametrize(
    ("words", "items"),
    [
        (["-k", "ddim"], ALL[:2]),
        (["-k", "other and not ddim"], ALL[2:]),
        (["-m", "smoke"], ALL[:2]),
        (["-m", "very-slow"], ALL[2:]),
        (["-m", "golden and not smoke"], ALL[2:]),
        (["-m", "gpu or network"], []),
        ([ALL[1]], [ALL[1]]),
        (["configs/ddim"], ALL[:2]),
        (["configs/other.yaml"], ALL[2:]),
        (["test_own.py"], [*ALL, "test_own.py::test_one"]),
    ],
    ids=lambda words: " ".join(words) or "none",
)
def test_items_are_selected_as_any(
    recorded: Pretend, run: Run, pytester: pytest.Pytester, words: list[str], items: list[str]
) -> None:
    pytester.makepyfile(test_own="def test_one(): pass")
    assert sorted(collected(run("--goldens", "--collect-only", "-q", *words))) == sorted(items)


def test_goldens_of_the_ini_file_leave_typed_files_alone(
    recorded: Pretend, run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(test_own="def test_one(): pass")
    pytester.makeini("[pytest]\ngoldens = true\n")
    assert collected(run("--collect-only", "-q")) == [*ALL, "test_own.py::test_one"]
    assert collected(run("--collect-only", "-q", "test_own.py")) == ["test_own.py::test_one"]


def test_a_config_with_problems_is_an_error_of_its_own(recorded: Pretend, run: Run) -> None:
    recorded.config("broken", CONFIG + "stepz: 3\n")
    result = run("--goldens", "--continue-on-collection-errors")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["configs/broken.yaml: stepz*: unknown key*did you mean*steps*"])
    assert "Traceback" not in result.stdout.str()


def test_a_project_without_configs_is_told_how_to_begin(project: Pretend, run: Run) -> None:
    result = run("--goldens")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: configs: no such folder in *; write a first config with `harness init`*"]
    )


def test_marks_say_what_a_case_needs() -> None:
    on_hub = replace(CASE, model=replace(CASE.model, id="org/model"), tags=("smoke",), devices=("cuda",))
    assert marks_of(on_hub) == ("smoke", "gpu", "network")
    assert marks_of(replace(CASE, devices=("cpu", "cuda"), tags=())) == ()


def test_names() -> None:
    assert item_name(replace(CASE, id="a/b@scheduler.class=X,seed=0")) == "scheduler.class=X,seed=0"
    assert item_name(replace(CASE, id="a/b")) == "b"
    assert group_of(replace(CASE, model=replace(CASE.model, id="folder@[1]"))) == "folder--1-"


def test_collection_never_imports_torch(recorded: Pretend, repo_root: Path) -> None:
    """Nor does a run of pytest without --goldens import anything that takes long."""
    code = (
        "import sys, pytest; code = pytest.main(['--collect-only', '-q', *sys.argv[1:]]); "
        "print(*[name for name in ('torch', 'diffusers', 'transformers', 'numpy', 'pydantic', 'rich.console') "
        "if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, "-p", "no:cacheprovider"]
    heavy = {}
    for option in ("--goldens", "-s"):
        done = subprocess.run(
            [*command, option], cwd=recorded.folder, capture_output=True, text=True, check=False
        )
        heavy[option] = set(done.stderr.split())
        assert ("3 tests collected" in done.stdout) is (option == "--goldens")
    assert not heavy["--goldens"] & {"torch", "diffusers", "transformers"}
    assert heavy["-s"] == set()
