"""What git keeps of a golden's path is searched for the file that an entry made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.core.history import Entry, Person
from harness.errors import StoreError
from harness.review.committed import committed
from tests.golden.builders import ACCEPTED, write_capture
from tests.support.git import Repository

FIRST = Entry("record", "2026-01-01T00:00:00+00:00", Person("Ann"), "", "1" * 64)
SECOND = replace(FIRST, how="accept", at="2026-01-02T00:00:00+00:00", outputs="2" * 64)
MOVED = replace(SECOND, how="rename", at="2026-01-03T00:00:00+00:00", renamed="a")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.at(tmp_path)


def write(repository: Repository, name: str, *history: Entry) -> Path:
    path = repository.folder / name
    write_capture(path, {"images": np.full(3, len(history))}, accepted=ACCEPTED, history=history)
    repository.commit(".")
    return path


def test_the_file_of_an_entry_under_any_name_it_had(repository: Repository, tmp_path: Path) -> None:
    old = write(repository, "a[1]/p.safetensors", FIRST)
    first = old.read_bytes()
    write(repository, "a[1]/p.safetensors", FIRST, SECOND)
    old.unlink()
    new = write(repository, "b/p.safetensors", FIRST, SECOND, MOVED)
    into = tmp_path / "into"
    into.mkdir()
    assert committed([new, old], FIRST, None, into).read_bytes() == first
    assert committed([new, old], SECOND, None, into).read_bytes() == new.read_bytes(), (
        "a rename changes no output"
    )
    assert committed([new, old], MOVED, None, into).read_bytes() == new.read_bytes()
    with pytest.raises(StoreError, match=r"p\.safetensors: the golden of 2026-01-01.* is in no commit"):
        committed([new], FIRST, None, into)


def test_without_git(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(repository, "a/p.safetensors", FIRST)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StoreError, match="git: is not installed, so earlier goldens cannot be read"):
        committed([path], FIRST, None, tmp_path)
