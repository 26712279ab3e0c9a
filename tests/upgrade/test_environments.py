"""Environments are made once, whole or not at all, and go by last use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.upgrade import environments as module
from harness.upgrade.environments import Environments, default_root
from harness.upgrade.index import Index
from harness.upgrade.installer import NotInstalled, Wish, python_of
from harness.upgrade.lock import Lock

ONE, TWO = Lock({"a": "1"}), Lock({"a": "2"})


class Installer:
    """Makes folders instead of environments; their Python is this one."""

    name = "fake"

    def __init__(self) -> None:
        self.made: list[Lock] = []
        self.fails = False

    def resolve(self, wish: Wish) -> Lock:
        return wish.preferred

    def create(self, folder: Path) -> None:
        python = python_of(folder)
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)

    def install(self, lock: Lock, folder: Path) -> None:
        if self.fails:
            raise NotInstalled("a==1: no wheel")
        self.made.append(lock)
        site = folder / "lib/python3.99/site-packages"
        site.mkdir(parents=True)
        (site / "a.py").write_text(str(lock.packages))


@pytest.fixture
def installer() -> Installer:
    return Installer()


@pytest.fixture
def environments(tmp_path: Path, installer: Installer) -> Environments:
    return Environments(tmp_path / "envs", installer, Index(), probe="json")


def test_the_same_lock_is_made_once(environments: Environments, installer: Installer) -> None:
    first, again, other = (environments.make(lock) for lock in (ONE, ONE, TWO))
    assert installer.made == [ONE, TWO]
    assert first == again
    assert first.folder != other.folder
    assert first.problem == ""


def test_an_index_is_part_of_what_it_is(tmp_path: Path, installer: Installer) -> None:
    keys = {
        Environments(tmp_path, installer, Index(index_url=url)).key(ONE) for url in ("", "https://a.example")
    }
    assert len(keys) == 2


def test_a_start_that_fails_leaves_nothing(environments: Environments, installer: Installer) -> None:
    installer.fails = True
    with pytest.raises(NotInstalled):
        environments.make(ONE)
    assert list(environments.root.iterdir()) == []
    installer.fails = False
    assert environments.make(ONE).problem == ""


def test_what_cannot_be_imported_is_said_and_remembered(
    tmp_path: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = Environments(tmp_path, installer, Index(), probe="no_such_module")
    assert environments.make(ONE).problem == "ModuleNotFoundError: No module named 'no_such_module'"
    monkeypatch.setattr(module, "_imported", lambda *_: ("asked again", True))
    assert "no_such_module" in environments.make(ONE).problem
    # Another question has another answer.
    assert Environments(tmp_path, installer, Index(), probe="json").make(ONE).problem == "asked again"


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ("os; os.kill(os.getpid(), 9)", "ended with code -9"),
        ("time; time.sleep(60)", "took more than 0.5 s"),
    ],
    ids=["killed", "slow"],
)
def test_what_may_go_better_next_time_is_asked_again(
    tmp_path: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch, probe: str, words: str
) -> None:
    monkeypatch.setattr(module, "_PROBE_SECONDS", 0.5)
    environments = Environments(tmp_path, installer, Index(), probe=probe)
    assert words in environments.make(ONE).problem
    monkeypatch.setattr(module, "_imported", lambda *_: ("", True))
    assert environments.make(ONE).problem == ""


def test_compiled_kernels_are_its_own(environments: Environments) -> None:
    made = environments.make(ONE)
    assert all(str(made.folder) in str(place) for place in made.variables().values())
    assert set(made.variables()) == {"TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"}


def test_bytecode_of_the_very_same_file_is_linked(environments: Environments, installer: Installer) -> None:
    first = environments.make(ONE)
    site = first.folder / "lib/python3.99/site-packages"
    (site / "__pycache__").mkdir()
    (site / "__pycache__/a.cpython-399.pyc").write_bytes(b"compiled")
    (site / "__pycache__/other.cpython-399.pyc").write_bytes(b"compiled")
    (site / "other.py").write_text("other")
    fill = installer.install

    def install(lock: Lock, folder: Path) -> None:
        fill(lock, folder)
        mine = folder / "lib/python3.99/site-packages"
        (mine / "other.py").write_text("other")
        (mine / "a.py").unlink()
        os.link(site / "a.py", mine / "a.py")

    installer.install = install  # type: ignore[method-assign]
    compiled = environments.make(TWO).folder / "lib/python3.99/site-packages/__pycache__"
    assert [path.name for path in compiled.iterdir()] == ["a.cpython-399.pyc"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, installer: Installer) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="HARNESS_CACHE"):
        Environments(tmp_path / "file/envs", installer, Index()).make(ONE)


def test_where_they_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    assert default_root() == tmp_path / "envs"
    monkeypatch.delenv("HARNESS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert default_root() == Path("/caches/harness/envs")


def test_sources_that_changed_are_another_environment(environments: Environments, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.py").write_text("1")
    lock = Lock({"mine": (tmp_path / "mine").as_uri()})
    before = environments.key(lock)
    assert environments.key(lock) == before
    (tmp_path / "mine/a.py").write_text("22")
    assert environments.key(lock) != before
