"""A library that refuses to be imported in the command itself is named in a sentence, with what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project import Project


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"NPY_DISABLE_CPU_FEATURES": "AVX2", "NPY_ENABLE_CPU_FEATURES": "AVX2"},
            "error: numpy cannot be imported here (Both NPY_DISABLE_CPU_FEATURES and NPY_ENABLE_CPU_FEATURES",
        ),
        ({"PYTHONPATH": "broken"}, "error: yaml cannot be imported here (no libyaml of version 9)"),
    ],
    ids=["numpy", "yaml"],
)
def test_it_is_named(tmp_path: Path, variables: dict[str, str], told: str) -> None:
    project = Project(tmp_path).with_variables(**variables)
    project.config("one")
    (tmp_path / "broken" / "yaml").mkdir(parents=True)
    (tmp_path / "broken" / "yaml" / "__init__.py").write_text(
        "raise RuntimeError('no libyaml of version 9')\n"
    )
    ran = project.harness("verify")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(told), ran.err
    assert "Traceback" not in ran.err
