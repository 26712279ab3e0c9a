"""`harness env --environments` and `--prune`: the environments of other versions in the user's cache."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main
from tests.upgrade.test_kept import environment


@pytest.fixture
def envs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cache with two environments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    for number in (1, 2):
        environment(tmp_path / "cache/envs", number, number)
    return tmp_path / "cache/envs"


def test_they_are_listed_and_nothing_is_removed(
    envs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARNESS_CACHE_LIMIT", "0")
    assert main(["env", "--environments", "--json", "envs.json"]) == 0
    found = json.loads(Path("envs.json").read_text())
    assert [int(one["key"], 16) for one in found["environments"]] == [2, 1]
    assert (found["root"], found["removed"]) == (str(envs), [])
    assert "2 environments, " in capsys.readouterr().out
    assert len(list(envs.iterdir())) == 2


def test_pruning_goes_down_to_the_limit(
    envs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["env", "--prune"]) == 0
    assert len(list(envs.iterdir())) == 2
    monkeypatch.setenv("HARNESS_CACHE_LIMIT", "0")
    assert main(["env", "--prune", "--json", "envs.json"]) == 0
    assert json.loads(Path("envs.json").read_text())["removed"] == [f"{1:032x}", f"{2:032x}"]
    out = capsys.readouterr().out
    assert "removed 2 environments\n" in out
    assert out.endswith("no environments, 0 bytes of at most 0 bytes\n")
    assert list(envs.iterdir()) == []


def test_all_of_them_can_be_removed(envs: Path) -> None:
    assert main(["env", "--prune", "--all"]) == 0
    assert list(envs.iterdir()) == []


def test_a_limit_that_is_no_size_removes_nothing(
    envs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARNESS_CACHE_LIMIT", "much")
    assert main(["env", "--prune"]) == 2
    assert "HARNESS_CACHE_LIMIT=much: no size" in capsys.readouterr().err
    assert len(list(envs.iterdir())) == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["--environments", "--all"],
            "--environments is about environments of other versions; leave out --all",
        ),
        (["--prune", "--portable"], "--prune is about environments of other versions; leave out --portable"),
        (["--prune", "a", "b", "--device", "cpu"], "leave out A, --device"),
    ],
)
def test_misuse_is_named(envs: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["env", *words])
    assert ended.value.code == 2
    assert says in " ".join(capsys.readouterr().err.split())
    assert len(list(envs.iterdir())) == 2
