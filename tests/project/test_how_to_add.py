"""docs/architecture.md says all that adding something takes: a copy of the package gets one of each, and it works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.project.additions import ADDITIONS, PRELUDE, Edit

MOST_PLACES = 3


def listed_places(page: str) -> Mapping[str, tuple[str, ...]]:
    """For each entry of "How to add", the files (and folders) of the package that it names."""
    section = page.partition("\n## How to add\n")[2].partition("\n## ")[0]
    entries = re.split(r"^- \*\*(.+?)\*\*", section, flags=re.MULTILINE)[1:]
    return {
        name: tuple(dict.fromkeys(re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", text)))
        for name, text in zip(entries[::2], entries[1::2], strict=True)
    }


@pytest.fixture(scope="module")
def listed(repo_root: Path) -> Mapping[str, tuple[str, ...]]:
    return listed_places((repo_root / "docs/architecture.md").read_text(encoding="utf-8"))


@pytest.fixture
def copy(repo_root: Path, tmp_path: Path) -> Path:
    """The package without its weights, free to be changed; with its bytecode, which saves compiling all of it."""
    wanted = shutil.ignore_patterns("*.safetensors")
    shutil.copytree(repo_root / "harness", tmp_path / "harness", ignore=wanted)
    return tmp_path


def make(copy: Path, edits: Iterable[Edit]) -> None:
    for edit in edits:
        file = copy / "harness" / edit.file
        if not edit.before:
            assert not file.exists()
            file.write_text(edit.text, encoding="utf-8")
            continue
        text = file.read_text(encoding="utf-8")
        assert text.count(edit.before) == 1, (
            f"{edit.file} has {edit.before!r} {text.count(edit.before)} times"
        )
        file.write_text(text.replace(edit.before, edit.text + edit.before), encoding="utf-8")


def run(copy: Path, script: str) -> None:
    (copy / "script.py").write_text(PRELUDE + script, encoding="utf-8")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=copy, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def place_of(file: str, places: Iterable[str]) -> str | None:
    """The most exact of the places that a file lies in."""
    fitting = [place for place in places if file == place or (place.endswith("/") and file.startswith(place))]
    return max(fitting, key=len, default=None)


@pytest.mark.parametrize("name", ADDITIONS)
def test_the_list_names_every_file_to_touch_and_no_more_than_three(
    name: str, listed: Mapping[str, tuple[str, ...]]
) -> None:
    places = listed[name]
    assert 1 <= len(places) <= MOST_PLACES, f"{name} takes {places}"
    files = {edit.file for edit in ADDITIONS[name].edits}
    assert len(files) <= MOST_PLACES
    assert {place_of(file, places) for file in files} == set(places)


@pytest.mark.parametrize("name", ADDITIONS)
def test_what_is_added_by_the_list_works(name: str, copy: Path) -> None:
    make(copy, ADDITIONS[name].edits)
    run(copy, ADDITIONS[name].script)


def test_the_worker_obeys_what_is_added(copy: Path) -> None:
    """All that torch is needed for, in one process."""
    loaded = [addition for addition in ADDITIONS.values() if addition.loaded]
    make(copy, (edit for addition in loaded for edit in addition.edits))
    run(copy, "".join(addition.loaded for addition in loaded))


@pytest.mark.slow
@pytest.mark.parametrize("name", ADDITIONS)
def test_none_of_the_files_can_be_left_out(name: str, copy: Path) -> None:
    """The script sees each edit of the list: without one of them it fails, but where only the worker has it."""
    addition = ADDITIONS[name]
    needed = {edit.file for edit in addition.edits if not edit.file.startswith("worker/")}
    for left_out in sorted(needed):
        one = copy / left_out.replace("/", "-")
        shutil.copytree(copy / "harness", one / "harness")
        make(one, (edit for edit in addition.edits if edit.file != left_out))
        with pytest.raises(AssertionError, match="Error"):
            run(one, addition.script)


def test_the_list_is_read_entry_by_entry() -> None:
    page = (
        "\n## How to add\n\n- **one**: a file in `a/`, its\n  line in `a/b.py`.\n"
        "- **two** (`$x`): `c/d.py`, `docs`.\n\n## Next\n`e/f.py`\n"
    )
    assert listed_places(page) == {"one": ("a/", "a/b.py"), "two": ("c/d.py",)}
