"""A command warns of what it was asked for, and of what its reader can change; what ships warns of nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.cli import main
from tests.support import workers
from tests.support.project import ROOT, Project
from tests.support.workers import UNTRACED

Captured = pytest.CaptureFixture[str]

FLOATS = (
    "floats, so the model may change under the golden; pin a commit sha of 40 hex digits, "
    "or give the reason for not pinning it as `floating` next to it"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A case that floats and one that does not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    project = Project(tmp_path)
    project.config("hub/floats", "pipeline: auto\nmodel: {id: org/name, revision: main}\n")
    project.config("ddim/two", UNTRACED + "tags: [smoke]\n")
    return project


@pytest.mark.parametrize("select", ["ddim/two", "ddim/*", "tag:smoke", "!hub/*"])
@pytest.mark.parametrize("command", [["list"], ["verify", "--allow-missing"], ["record", "--no-gates"]])
def test_other_cases_are_none_of_the_reader_s_business(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Captured, select: str, command: list[str]
) -> None:
    workers.install(monkeypatch)
    assert main([*command, select]) == 0
    assert capsys.readouterr().err == ""


def test_the_case_itself_is_warned_about(project: Project, capsys: Captured) -> None:
    for select in ([], ["hub/*"], ["hub/floats"]):
        assert main(["list", *select]) == 0
        assert capsys.readouterr().err == (
            f'warning: configs/hub/floats.yaml: model.revision = "main": {FLOATS}\n'
        )


def test_warnings_of_one_kind_are_one_line(project: Project, capsys: Captured) -> None:
    project.config("hub/also", "pipeline: auto\nmodel: {id: org/name}\n")
    project.config("hub/lora", UNTRACED + "adapters: [{id: org/lora}]\n")
    assert main(["list"]) == 0
    assert capsys.readouterr().err == (
        "warning: configs/hub/also.yaml: model.revision = null, configs/hub/floats.yaml: model.revision = "
        f'"main", configs/hub/lora.yaml: adapters[0].revision = null: {FLOATS}\n'
    )


def test_a_reason_settles_it(project: Project, capsys: Captured) -> None:
    project.config(
        "hub/floats",
        "pipeline: auto\nmodel: {id: org/name, revision: main, floating: the newest is watched}\n",
    )
    assert main(["list"]) == 0
    assert capsys.readouterr().err == ""
    project.config("hub/floats", "pipeline: auto\nmodel: {id: org/name, floating: ' '}\n")
    assert main(["list"]) == 2
    assert 'model.floating = " ": expected a reason in words' in capsys.readouterr().err
    project.config(
        "hub/floats", f"pipeline: auto\nmodel: {{id: org/name, revision: '{'0' * 40}', floating: because}}\n"
    )
    assert main(["list"]) == 2
    assert "is for a revision that floats, and this one is pinned; leave it out" in capsys.readouterr().err


def test_a_folder_that_is_not_followed_is_told_where_it_matters(project: Project, capsys: Captured) -> None:
    (project.folder / "elsewhere").mkdir()
    (project.folder / "configs/linked").symlink_to(project.folder / "elsewhere")
    told = "warning: configs/linked: a linked folder is not followed; copy it here\n"
    assert main(["list", "ddim/two"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["list", "!hub/*"]) == 0
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    "words",
    [["list"], ["prune"], ["sensitivity", "--stored"], ["list", "hub/*"]]
    + [["verify", select, "--allow-missing"] for select in ("hub/*", "ddim/*", "tag:smoke")],
    ids=" ".join,
)
def test_what_ships_warns_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, words: list[str]
) -> None:
    for name in ("configs", "goldens"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    workers.install(monkeypatch).nowhere = True
    assert main(words) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "warning" not in shown.out
