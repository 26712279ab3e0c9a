"""What a run left in its process makes the process spent; what a library sets up when it is imported does not."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.worker.state import imports
from harness.worker.state.leftovers import Leftovers

SETS = (
    "import os, warnings\nos.environ['LEFT_BY_AN_IMPORT'] = '1'\nwarnings.filterwarnings('ignore', 'x y z')\n"
)
KEEPS = "seen = []\ndef see(value):\n    seen.append(value)\n"
FILTERS = "import warnings; warnings.filters"


@pytest.fixture
def left() -> Leftovers:
    return Leftovers()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path, from which modules are forgotten afterwards."""
    (tmp_path / "sets_up.py").write_text(SETS)
    (tmp_path / "keeps.py").write_text(KEEPS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(os.environ, "LEFT_BY_AN_IMPORT", "0")
    import warnings

    with warnings.catch_warnings():
        yield tmp_path
    for name in ("sets_up", "keeps"):
        sys.modules.pop(name, None)


def test_a_run_that_leaves_nothing(left: Leftovers) -> None:
    with left.watched():
        assert left.found(thorough=True) == ()
    assert not left.spent


def test_a_run_that_ends_early_is_looked_at_too(left: Leftovers, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        with left.watched():
            monkeypatch.setitem(os.environ, "LEFT", "1")
            raise ValueError("early")

    with pytest.raises(ValueError, match="early"):
        run()
    assert left.spent


def test_what_an_installed_library_sets_up_is_no_leftover(
    left: Leftovers, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_INSTALLED", (*imports._INSTALLED, str(folder)))
    with left.watched():
        importlib.import_module("sets_up")
        assert left.found(thorough=True) == ()
        os.environ["LEFT_BY_AN_IMPORT"] = "2"
        assert len(left.found(thorough=True)) == 1


def test_what_a_file_of_the_users_own_sets_up_is_one(left: Leftovers, folder: Path) -> None:
    with left.watched():
        importlib.import_module("sets_up")
        told = left.found(thorough=True)
    assert [one.partition(":")[0] for one in told] == [
        "environment variable LEFT_BY_AN_IMPORT",
        "warnings.filters",
    ]
    assert left.spent


def test_what_a_module_of_the_users_own_keeps_is_one(left: Leftovers, folder: Path) -> None:
    with left.watched():
        keeps = importlib.import_module("keeps")
        assert left.found(thorough=True) == ()
        keeps.see = len
        assert left.found(thorough=True) == ("keeps.see: the run changed it and did not restore it",)


def test_data_that_such_a_module_keeps_is_put_back(left: Leftovers, folder: Path) -> None:
    with left.watched():
        keeps = importlib.import_module("keeps")
        keeps.see(1)
        assert left.found(thorough=True) == ()
    assert keeps.seen == []
    assert not left.spent
