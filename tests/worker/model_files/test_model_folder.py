"""A model's folder as data: what is looked at, and what is passed over (tests/outside has the hostile ones)."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.worker.model_files.model_folder import refuse_unsafe, refuse_unsafe_snapshot
from harness.worker.rejection import Rejection


def place(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    return folder


def test_what_no_component_lies_in_is_passed_over(tmp_path: Path) -> None:
    refuse_unsafe(place(tmp_path, "scripts/a.py", "unet/.cache/b.py", "unet/config.json"), ["unet"], "m")


def test_a_key_of_its_own_may_be_named(tmp_path: Path) -> None:
    with pytest.raises(Rejection, match=r"^ip_adapters\[0\] = 'm': a.py is Python code"):
        refuse_unsafe(place(tmp_path, "a.py"), (), "m", "ip_adapters[0]")


def test_many_files_are_counted(tmp_path: Path) -> None:
    names = [f"{name}.py" for name in "abcde"]
    with pytest.raises(Rejection, match=r"a.py, b.py, c.py and 2 more is Python code"):
        refuse_unsafe(place(tmp_path, *names), (), "m")


def test_of_the_hubs_cache_what_every_version_passes_over_may_stay(tmp_path: Path) -> None:
    refuse_unsafe_snapshot(place(tmp_path, "handler.py"), (), "m")
    with pytest.raises(Rejection, match=r"None\.py is Python code"):
        refuse_unsafe_snapshot(place(tmp_path, "None.py"), (), "m")
