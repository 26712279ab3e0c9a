"""Imports are noticed while somebody listens, and only then."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from pathlib import Path

import pytest

from harness.worker.state import imports


def test_a_library_is_noticed_with_what_it_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("wave", "this"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    told: list[object] = []
    with imports.noticed(lambda: told.append("begun"), told.append, told.append):
        importlib.import_module("this")
    assert told == ["begun", ["this"]]
    monkeypatch.delitem(sys.modules, "this")
    importlib.import_module("this")
    assert len(told) == 2


def test_a_file_of_the_users_own_is_noticed_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_file_of_mine.py").write_text("import this\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "this", raising=False)
    told: list[object] = []
    with imports.noticed(lambda: told.append("begun"), told.append, told.append):
        importlib.import_module("a_file_of_mine")
    monkeypatch.delitem(sys.modules, "a_file_of_mine")
    assert told == ["begun", ["this"], "a_file_of_mine"]


def test_the_loaders_are_left_as_they_were() -> None:
    before = [vars(loader).get("exec_module") for loader in (importlib.machinery.SourceFileLoader,)]
    with imports.noticed(lambda: None, lambda _: None, lambda _: None):
        pass
    assert [vars(loader).get("exec_module") for loader in (importlib.machinery.SourceFileLoader,)] == before
