"""What may be asked for, and what is said of what may not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.upgrade.candidate import Candidate, candidate


def test_requirements_are_taken_as_pip_takes_them() -> None:
    found = candidate(["diffusers==0.43.0", "transformers >=5.1,<6", "git+https://h.example/d@main"])
    assert found.requirements == ("diffusers==0.43.0", "transformers<6,>=5.1", "git+https://h.example/d@main")
    assert found.names == {"diffusers", "transformers"}


def test_a_folder_of_sources_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout/pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert candidate(["./checkout"]).requirements == (str(tmp_path / "checkout"),)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("diffusers=0.43", "no requirement"),
        ("", "no requirement"),
        ("./nowhere", "no folder of sources"),
    ],
)
def test_what_is_no_requirement_is_named_with_what_is_accepted(spec: str, words: str) -> None:
    with pytest.raises(UsageError, match=rf"^--with {spec}: {words}.*give NAME==VERSION"):
        candidate([spec])


def test_a_whole_lock_or_a_day(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.touch()
    assert candidate([], lock).lock == lock
    assert candidate([], day="2026-03-01").day == date(2026, 3, 1)
    with pytest.raises(UsageError, match="leave one of them out"):
        candidate([], lock, "2026-03-01")
    with pytest.raises(UsageError, match="no such file"):
        candidate([], tmp_path / "none.txt")
    (tmp_path / "lock.json").touch()
    with pytest.raises(UsageError, match="unknown kind of lock"):
        candidate([], tmp_path / "lock.json")
    with pytest.raises(UsageError, match="write it as 2026-03-01"):
        candidate([], day="1 March")


def test_it_is_shown_in_one_line(tmp_path: Path) -> None:
    assert str(Candidate(("a==1", "b==2"), day=date(2026, 3, 1))) == "a==1, b==2, as of 2026-03-01"
