"""A library that refuses to be imported in the command itself is named in a sentence, with what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project import Project


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            # With a PYTHONPATH of its own the command is started, not forked from what has imported numpy.
            {"NPY_DISABLE_CPU_FEATURES": "AVX2", "NPY_ENABLE_CPU_FEATURES": "AVX2", "PYTHONPATH": "empty"},
            "error: numpy cannot be imported here (Both NPY_DISABLE_CPU_FEATURES and NPY_ENABLE_CPU_FEATURES",
        ),
        ({"PYTHONPATH": "broken"}, "error: yaml cannot be imported here (no libyaml of version 9)"),
    ],
    ids=["numpy", "yaml"],
)
def test_it_is_named(tmp_path: Path, variables: dict[str, str], told: str) -> None:
    project = _with_broken_yaml(tmp_path).with_variables(**variables)
    ran = project.harness("verify")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(told), ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("words", [("verify", "--help"), ("list",), ("verify", "--no-such-option")])
def test_it_is_named_before_the_options_of_the_command_are_known(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    ran = _with_broken_yaml(tmp_path).with_variables(PYTHONPATH="broken").harness(*words)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: yaml cannot be imported here (no libyaml of version 9); repair it")
    assert ran.err.count("\n") == 1


def test_harness_help_needs_no_library(tmp_path: Path) -> None:
    ran = _with_broken_yaml(tmp_path).with_variables(PYTHONPATH="broken").harness("--help")
    assert (ran.code, ran.err) == (0, "")


def _with_broken_yaml(folder: Path) -> Project:
    project = Project(folder)
    project.config("one")
    (folder / "broken" / "yaml").mkdir(parents=True)
    (folder / "broken" / "yaml" / "__init__.py").write_text("raise RuntimeError('no libyaml of version 9')\n")
    return project
