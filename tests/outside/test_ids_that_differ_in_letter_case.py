"""A matrix whose values differ in letter case alone gives cases whose folders differ everywhere."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from harness.config.load import load_cases

CONFIG = "pipeline: DDIMPipeline\nmodel: {id: 'builtin:ddpm-digits'}\nsteps: 2\nmatrix: "


def ids(configs: Path, matrix: str) -> list[str]:
    configs.mkdir(exist_ok=True)
    (configs / "a.yaml").write_text(CONFIG + matrix, encoding="utf-8")
    return [case.id for case in load_cases(configs).cases]


def folders(found: list[str]) -> set[str]:
    """The names as a file system sees them that ignores letter case and how accents are written."""
    return {unicodedata.normalize("NFC", name).casefold() for name in found}


@pytest.mark.parametrize(
    "values",
    [
        "[a Digit, A digit]",
        "[Euler, euler, EULER]",
        "[1, '1']",
        "[true, 'true', 'TRUE']",
        "[null, 'null']",
        "['a b', a-b, A-B]",
        "[1.0, 1]",
        "['é', 'e\u0301', 'É']",
        f"['{'x' * 300}', '{'X' * 300}']",
    ],
)
def test_each_value_has_a_folder_of_its_own(tmp_path: Path, values: str) -> None:
    found = ids(tmp_path / "configs", f"{{call.output_type: {values}}}")
    assert len(folders(found)) == len(found) > 1


def test_the_order_of_the_values_changes_no_id(tmp_path: Path) -> None:
    one = ids(tmp_path / "configs", "{call.output_type: [np, NP, Np], seed: [0, 1]}")
    other = ids(tmp_path / "configs", "{call.output_type: [Np, np, NP], seed: [1, 0]}")
    assert set(one) == set(other)


def test_what_was_told_apart_before_keeps_its_id(tmp_path: Path) -> None:
    assert ids(tmp_path / "configs", "{call.output_type: [np, pil], seed: [0, 10]}") == [
        "a@call.output_type=np,seed=0",
        "a@call.output_type=np,seed=10",
        "a@call.output_type=pil,seed=0",
        "a@call.output_type=pil,seed=10",
    ]
