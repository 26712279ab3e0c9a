"""Models are put in place whole, or not at all."""

import json
from pathlib import Path

import pytest

from harness.zoo.train import store

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_replacing_swaps_the_whole_folder(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "old.txt").write_text("old")
    with store.replacing(model) as fresh:
        fresh.mkdir()
        (fresh / "new.txt").write_text("new")
        assert (model / "old.txt").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "new.txt"]


def test_replacing_swaps_a_file(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text("old")
    with store.replacing(file) as fresh:
        fresh.write_text("new")
    assert file.read_text() == "new"


def test_replacing_keeps_the_old_folder_when_training_fails(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "old.txt").write_text("old")

    def fail() -> None:
        with store.replacing(model) as fresh:
            fresh.mkdir()
            raise RuntimeError("no memory left")

    with pytest.raises(RuntimeError, match="no memory left"):
        fail()
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "old.txt"]


def test_write_lock_names_each_file_of_each_model_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "sd-digits" / "vae").mkdir(parents=True)
    (tmp_path / "sd-digits" / "vae" / "config.json").write_text("hello")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "config.json").write_text("hello")
    store.write_lock(tmp_path)
    lock = json.loads((tmp_path / "zoo.lock.json").read_text())
    assert lock == {"sd-digits": {"vae/config.json": HELLO}}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "sd-digits", "zoo.lock.json"]
