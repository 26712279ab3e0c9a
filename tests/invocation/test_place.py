"""Paths and patterns that were typed in one folder, as another one sees them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.config.project import Project
from harness.errors import UsageError
from harness.invocation.place import Place


def place(here: str, root: str = "/p") -> Place:
    return Place(Path(here), Project(Path(root)))


@pytest.mark.parametrize(
    ("here", "typed", "seen"),
    [
        ("/p", "x", "x"),
        ("/p", "../x", "../x"),
        ("/p/a/b", "x/y", "a/b/x/y"),
        ("/p/a/b", ".", "a/b"),
        ("/p/a/b", "../x", "a/x"),
        ("/p/a/b", "../..", "."),
        ("/p/a/b", "../../../x", "../x"),
        ("/p/a/b", "x/../y", "a/b/x/../y"),
        ("/p/a/b", "/abs/x", "/abs/x"),
        ("/q/a", "x", "/q/a/x"),
        ("/q/a", "../x", "/q/x"),
    ],
)
def test_paths(here: str, typed: str, seen: str) -> None:
    assert place(here).path(Path(typed)) == Path(seen)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "configs/ddim").mkdir(parents=True)
    (tmp_path / "apart").mkdir()
    for name in ("configs/a.yaml", "configs/ddim/b.yml", "stray.yaml"):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("here", "typed", "pattern"),
    [
        (".", "a", "a"),
        (".", "tag:smoke", "tag:smoke"),
        (".", "configs/a.yaml", "a"),
        (".", "./configs/ddim/b.yml", "ddim/b"),
        (".", "!configs/a.yaml", "!a"),
        (".", "configs/gone.yaml", "configs/gone.yaml"),
        (".", "configs/ddim/", "ddim/*"),
        (".", "configs/ddim", "configs/ddim"),
        (".", "configs/", "*"),
        (".", "apart/", "apart/"),
        (".", "ddim/", "ddim/"),
        ("configs/ddim", "b.yml", "ddim/b"),
        ("configs/ddim", "../a.yaml", "a"),
        ("configs/ddim", "!../ddim/", "!ddim/*"),
        ("configs/ddim", "b", "b"),
    ],
)
def test_patterns(root: Path, here: str, typed: str, pattern: str) -> None:
    assert Place((root / here).resolve(), Project(root)).pattern(typed, Path("configs")) == pattern


def test_an_absolute_path_and_configs_elsewhere(root: Path) -> None:
    there = Place(root / "apart", Project(root / "apart"))
    assert there.pattern(str(root / "configs/a.yaml"), Path("../configs")) == "a"
    with pytest.raises(UsageError, match="lies outside the configs folder"):
        there.pattern("../stray.yaml", Path("../configs"))


def test_a_link_among_the_configs_keeps_its_own_name(root: Path) -> None:
    (root / "configs/link.yaml").symlink_to("a.yaml")
    assert Place(root, Project(root)).pattern("configs/link.yaml", Path("configs")) == "link"


def test_entering_is_undone_when_the_command_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "apart")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["x", "", "/abs", "~/y"]))
    monkeypatch.setenv("TMPDIR", "")
    there = Place(Path.cwd(), Project(root))

    def fail() -> None:
        with there.entered():
            assert Path.cwd() == root
            parts = os.environ["PYTHONPATH"].split(os.pathsep)
            assert parts == [f"{root}/apart/x", f"{root}/apart", "/abs", "~/y"]
            assert os.environ["TMPDIR"] == ""
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert Path.cwd() == root / "apart"
    assert os.environ["PYTHONPATH"].startswith("x")
