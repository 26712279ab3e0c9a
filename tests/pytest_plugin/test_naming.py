"""Names of goldens from node ids."""

from __future__ import annotations

import re

import pytest

from harness.pytest_plugin.naming import golden_id

PLAIN = "tests/unit/test_a.py::test_it"


def test_what_is_plain_stays() -> None:
    assert golden_id(PLAIN, "embeddings") == "+tests/tests/unit/test_a/test_it/embeddings"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("t.py::test_it[A]", "x"), ("t.py::test_it[a]", "x")),
        (("t.py::test_it", "a/b"), ("t.py::test_it", "a_b")),
        (("t.py::TestX::test_it", "x"), ("t.py::Testx::test_it", "x")),
        (("t.py::test_it", "x."), ("t.py::test_it", "x")),
        (("t.py::test_" + "a" * 300, "x"), ("t.py::test_" + "a" * 301, "x")),
        (("t.py::test_it[\u00e9]", "x"), ("t.py::test_it[e\u0301]", "x")),
    ],
)
def test_different_names_never_share_a_path(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert golden_id(*one).lower() != golden_id(*other).lower()


@pytest.mark.parametrize(
    "name", ["../../x", "a\0b", "con", "nul.txt", "\ud800", "a" * 500, "x y", "...", "\U0001f600"]
)
def test_every_file_system_takes_them(name: str) -> None:
    parts = golden_id(f"t.py::test_it[{name}]", name).split("/")
    assert parts[0] == "+tests"
    for part in parts[1:]:
        assert re.fullmatch(r"[a-z0-9_.+-]{1,100}", part)
        assert part.strip(".") == part
        assert part not in ("con", "nul.txt")
