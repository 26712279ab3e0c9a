"""Settings are read, and what changed is said."""

from __future__ import annotations

import os
import sys
import warnings

import pytest
import torch

from harness.worker.state import settings


def test_nothing_changes_by_reading() -> None:
    assert settings.changed(settings.read(), settings.read()) == ()


def test_an_older_or_newer_torch_that_lacks_one_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings.read()
    monkeypatch.delattr(torch.backends.cuda, "matmul")
    assert settings.read()["torch.backends.cuda.matmul.fp32_precision"] is None
    assert set(settings.read()) == set(before)


def test_lists_are_told_by_what_is_new_and_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/old", "/other", *sys.path])
    before = settings.read()
    monkeypatch.setattr(sys, "path", ["/new", *sys.path[1:]])
    [told] = settings.changed(before, settings.read())
    assert told == "sys.path: the run changed it from /old to /new and did not restore it"
    monkeypatch.setattr(sys, "path", ["/other", "/old", *sys.path[2:]])
    assert settings.changed(before, settings.read()) == (
        "sys.path: the run changed the order and did not restore it",
    )


def test_filters_read_as_on_the_command_line() -> None:
    before = settings.read()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "words", UserWarning, "some.module", 7)
        [told] = settings.changed(before, settings.read())
    assert "from nothing to error:words:UserWarning:some.module:7 and" in told


@pytest.mark.parametrize("name", ["HF_TOKEN", "my_api_key", "DB_PASSWORD"])
def test_secrets_are_not_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = settings.read()
    monkeypatch.setitem(os.environ, name, "hidden")
    assert settings.changed(before, settings.read()) == (
        f"environment variable {name}: the run changed it and did not restore it",
    )


def test_long_values_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings.read()
    monkeypatch.setitem(os.environ, "LONG", "x" * 5000)
    [told] = settings.changed(before, settings.read())
    assert len(told) < 400


def test_objects_are_told_without_the_address_that_they_had() -> None:
    class Finder:
        pass

    [told] = settings.changed({"sys.meta_path": (Finder(),)}, {"sys.meta_path": ()})
    assert told.startswith("sys.meta_path: the run changed it from <")
    assert told.endswith("Finder object> to nothing and did not restore it")
    assert "0x" not in told
