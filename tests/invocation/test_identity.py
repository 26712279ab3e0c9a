"""Whose name a history keeps."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.core.history import Person
from harness.invocation.identity import now, person


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and no configuration of git but what the test makes."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "global"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "ann")
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


def test_the_identity_of_the_project_comes_before_that_of_the_user(alone: Path) -> None:
    (alone.parent / "global").write_text("[user]\n name = Ann\n email = ann@home\n")
    assert person() == Person("Ann", "ann@home")
    git("init", "-q")
    git("config", "user.email", "ann@work")
    assert person() == Person("Ann", "ann@work")


def test_without_an_identity_it_is_the_user_of_the_system(alone: Path) -> None:
    assert person() == Person("ann", "", "system")


def test_without_git_too(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (alone.parent / "global").write_text("[user]\n name = Ann\n")
    monkeypatch.setenv("PATH", str(alone))
    assert person() == Person("ann", "", "system")


def test_a_name_is_one_printable_line(alone: Path) -> None:
    (alone.parent / "global").write_text('[user]\n name = "A\\nnn\\u001b[31m"\n'.replace("\\u001b", "\x1b"))
    assert person() == Person("A nn [31m")


def test_the_time_is_in_utc() -> None:
    assert now().endswith("+00:00")
