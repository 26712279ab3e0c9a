"""Environments are made once, whole or not at all, and make room for each other."""

from __future__ import annotations

import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import StoreError, UsageError
from harness.upgrade import environments as module
from harness.upgrade import kept
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


def test_the_place_of_a_file_in_an_environment_is_left_out(tmp_path: Path, installer: Installer) -> None:
    folder = tmp_path / Environments(tmp_path, installer, Index()).key(ONE)
    probe = f"json; raise ImportError('cannot import X from a ({folder}/lib/a.py), see (b)')"
    made = Environments(tmp_path, installer, Index(), probe).make(ONE)
    assert made.problem == "ImportError: cannot import X from a, see (b)"


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


SITE = "lib/python3.99/site-packages"

COMPILED = f"{SITE}/__pycache__/a.{sys.implementation.cache_tag}.pyc"


def compiled(source: Path, text: str) -> None:
    """Compile `text` as if it were what `source` holds: who imports that tells whether it was compiled anew."""
    other = source.with_name("other.py")
    other.write_text(text)
    os.utime(other, ns=(0, source.stat().st_mtime_ns))
    target = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(str(other), cfile=str(target), doraise=True)
    other.unlink()


def imported(folder: Path) -> str:
    """What the module `a` of an environment holds."""
    script = f"import sys; sys.path.insert(0, {str(folder / SITE)!r}); import a; print(a.x)"
    return subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("how", ["linked", "copied", "copied-now", "other"])
def test_bytecode_of_an_equal_file_is_taken_over(
    environments: Environments, installer: Installer, how: str
) -> None:
    first = environments.make(ONE).folder / SITE / "a.py"
    first.write_text("x = 1\n")
    os.utime(first, (1_700_000_000.5, 1_700_000_000.5))
    compiled(first, "x = 2\n")

    def install(_lock: Lock, folder: Path) -> None:
        mine = folder / SITE / "a.py"
        mine.parent.mkdir(parents=True)
        if how == "linked":
            os.link(first, mine)
        elif how == "copied":
            shutil.copy2(first, mine)
        else:
            mine.write_text("x = 3\n" if how == "other" else "x = 1\n")

    installer.install = install  # type: ignore[method-assign]
    second = environments.make(TWO).folder
    assert (second / COMPILED).exists() is (how != "other")
    assert imported(second) == ("3" if how == "other" else "2")
    # What others compiled from their file still counts.
    assert imported(first.parents[3]) == "2"
    assert first.stat().st_mtime == 1_700_000_000.5


def test_the_first_environment_takes_the_bytecode_of_this_one(
    environments: Environments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = tmp_path / "here" / SITE
    here.mkdir(parents=True)
    (here / "a.py").write_text(str(ONE.packages))
    compiled(here / "a.py", "x = 2\n")
    monkeypatch.setattr(module.sys, "prefix", str(tmp_path / "here"))
    assert (environments.make(ONE).folder / COMPILED).exists()


def test_bytecode_that_names_no_time_is_taken_as_it_is() -> None:
    checked = b"cafe" + (3).to_bytes(4, "little") + b"h" * 8 + b"code"
    assert module._of_time(checked, 7) == checked
    timed = b"cafe" + bytes(4) + b"time" + b"size" + b"code"
    assert module._of_time(timed, 7) == b"cafe" + bytes(4) + b"\7\0\0\0" + b"size" + b"code"


def test_each_use_is_noted(environments: Environments) -> None:
    used = environments.make(ONE).folder / kept.USED
    os.utime(used, (1, 1))
    environments.make(ONE)
    assert used.stat().st_mtime > 1


def test_one_that_vanishes_is_made_again(environments: Environments, installer: Installer) -> None:
    shutil.rmtree(environments.make(ONE).folder)
    assert (environments.make(ONE).folder / kept.LOCK).is_file()
    assert installer.made == [ONE, ONE]


def test_a_folder_in_its_place_is_named(environments: Environments) -> None:
    folder = environments.root / environments.key(ONE)
    (folder / "something").mkdir(parents=True)
    with pytest.raises(StoreError, match=f"^{folder}: is no whole environment; remove"):
        environments.make(ONE)


def test_what_was_not_used_for_longest_makes_room(
    tmp_path: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def environment(version: int) -> Path:
        return Environments(tmp_path, installer, Index(), probe="json").make(Lock({"a": str(version)})).folder

    one, two = environment(1), environment(2)
    os.utime(one / kept.USED, (20, 20))
    os.utime(two / kept.USED, (10, 10))
    monkeypatch.setenv("HARNESS_CACHE_LIMIT", str(kept.Disk.of([one, two]).bytes))
    three = environment(3)
    assert (one.exists(), two.exists(), three.exists()) == (True, False, True)
    monkeypatch.setenv("HARNESS_CACHE_LIMIT", "0")
    # One that is there already needs no room.
    assert environment(3) == three
    assert one.exists()
    four = environment(4)
    assert [path for path in (one, three, four) if path.exists()] == [four]


def test_a_limit_that_is_no_size_is_named_before_anything_is_made(
    tmp_path: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE_LIMIT", "much")
    with pytest.raises(UsageError, match=r"^HARNESS_CACHE_LIMIT=much: no size"):
        Environments(tmp_path, installer, Index())


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
