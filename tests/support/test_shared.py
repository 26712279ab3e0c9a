"""What tests share is made once, completely, whichever process comes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.shared import made_once


def test_the_second_process_finds_what_the_first_has_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    made = list[Path]()
    first, second = tmp_path / "gw0", tmp_path / "gw1"
    folders = {made_once(base, "thing", made.append) for base in (first, second)}
    assert [*folders] == made
    assert made_once(first, "another", made.append) not in folders


def test_what_failed_is_made_again_from_the_start(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise LookupError("no recording")

    with pytest.raises(LookupError):
        made_once(tmp_path, "thing", fail)
    assert [*made_once(tmp_path, "thing", lambda _folder: None).iterdir()] == []
