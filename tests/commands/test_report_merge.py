"""`harness report merge` over the real command line: the reports of shards become one, with their captures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.golden.tensors import file_sha256
from tests.support.killed import killed_at, moments
from tests.support.project import TWO_STEPS, Project


@pytest.fixture(scope="module")
def verified(recorded: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was verified as a whole, and in two shards whose output folders were moved like artifacts."""
    project = Project(tmp_path_factory.mktemp("merge") / "project")
    shutil.copytree(recorded.folder, project.folder)
    (project.folder / "configs/unseeded.yaml").unlink()
    project.config("ddim/new", TWO_STEPS.replace("seed: 0", "seed: 1"))
    project.config("a", TWO_STEPS + "matrix: {seed: [7, 3]}\n")
    device = ("--device", "cpu", "--jobs", "2")
    assert project.harness("record", "a*", *device).code == 0
    for name, selected in (("whole", ()), ("1", ("a@seed=3", "ddim/new")), ("2", ("a@seed=7", "ddim/two"))):
        project.harness("verify", *selected, *device, "--out", f"out/{name}")
    for name in "12":
        (project.folder / "artifacts").mkdir(exist_ok=True)
        shutil.move(project.folder / f"out/{name}", project.folder / f"artifacts/{name}")
    return project


@pytest.fixture
def shards(verified: Project, tmp_path: Path) -> Project:
    shutil.copytree(verified.folder, tmp_path / "project")
    return Project(tmp_path / "project")


def without_times(path: Path) -> Any:
    """A report without its times, which captures hold too, and without the folder that those lie in."""
    document = json.loads(path.read_text().replace(f'"out/{path.parent.name}/', '"OUT/'))
    document.pop("started")
    for case in document["cases"]:
        case.pop("seconds")
        for cost in ("load", "run", "memory"):
            case["record"].pop(cost)
        case["capture"].pop("sha256")
    document["environment"]["software"].pop("imported")
    return document


def test_shards_give_what_one_verify_gives_but_for_times(shards: Project) -> None:
    words = ("--json", "j.json", "--junit", "j.xml", "--markdown", "m.md")
    ran = shards.harness(
        "report", "merge", "artifacts/2", "artifacts/1/report.json", "--out", "out/all", *words
    )
    assert ran.code == 1, ran.out + ran.err
    whole, merged = (shards.folder / f"out/{name}/report.json" for name in ("whole", "all"))
    assert without_times(merged) == without_times(whole)
    assert [case["case"] for case in json.loads(merged.read_text())["cases"]] == [
        "a@seed=7", "a@seed=3", "ddim/new", "ddim/two",
    ]  # fmt: skip
    assert "1 of 4 cases failed (exit code 1)" in ran.out
    assert json.loads((shards.folder / "j.json").read_text()) == json.loads(merged.read_text())
    assert len(list(ElementTree.parse(shards.folder / "j.xml").iter("testcase"))) == 4
    assert "### 1 case: no-golden" in (shards.folder / "m.md").read_text()

    # What the merged report shows can be accepted from it.
    accepted = shards.harness("accept", "ddim/new", "--out", "out/all")
    assert accepted.code == 0, accepted.out + accepted.err
    assert shards.harness("report", "--out", "out/all").code == 1


def test_what_cannot_be_joined_is_one_error_and_writes_nothing(shards: Project) -> None:
    (shards.folder / "artifacts/1/report.json").rename(shards.folder / "kept.json")
    for words, complaint in (
        (
            ("artifacts/1", "artifacts/2"),
            "artifacts/1/report.json: no such file; name a report.json, or its folder",
        ),
        (("m.md", "artifacts/2"), "m.md: is not a report of `harness verify`"),
        (
            ("out/whole", "artifacts/2"),
            "artifacts/2/report.json: judges a@seed=7, ddim/two on cpu-x86_64, and so does",
        ),
    ):
        (shards.folder / "m.md").write_text("# no report")
        ran = shards.harness("report", "merge", *words, "--out", "out/all")
        assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
        assert ran.err.startswith(f"error: {complaint}")
        assert not (shards.folder / "out/all/report.json").exists()


def test_captures_that_are_not_there_are_told(shards: Project) -> None:
    shutil.rmtree(shards.folder / "artifacts/1/captures")
    ran = shards.harness("report", "merge", "artifacts/1", "artifacts/2", "--out", "out/all", "--quiet")
    assert ran.code == 1
    assert ran.err == (
        "warning: 2 captures that the reports name lie not beside them and cannot be accepted or shown: "
        "a@seed=3, ddim/new\n"
    )


def test_it_locks_its_folder_and_works_from_any_folder_of_the_project(shards: Project) -> None:
    inside = Project(shards.folder / "artifacts")
    ran = inside.harness("report", "merge", "1", "2", "--out", "all")
    assert ran.code == 1, ran.err
    assert (shards.folder / "artifacts/all/report.json").is_file()
    assert (shards.folder / "artifacts/all/.lock").is_file()


def test_a_merge_that_is_killed_loses_nothing_and_is_completed_by_the_next(
    shards: Project, tmp_path: Path
) -> None:
    words = ("report", "merge", "artifacts/1", "artifacts/2", "--out", "out/all")
    whole = without_times(shards.folder / "out/whole/report.json")
    for moment in moments():
        copy = tmp_path / f"at-{moment}"
        shutil.copytree(shards.folder, copy)
        if not killed_at(moment, copy, *words, places="out", ends=1):
            break
        parts = [path for path in (copy / "artifacts").rglob("*") if path.is_file()]
        assert parts
        for part in parts:
            assert part.read_bytes() == (shards.folder / part.relative_to(copy)).read_bytes()
        if (merged := copy / "out/all/report.json").exists():
            for case in json.loads(merged.read_text())["cases"]:
                assert file_sha256(copy / case["capture"]["path"]) == case["capture"]["sha256"]
        assert Project(copy).harness(*words).code == 1
        assert without_times(merged) == whole
    assert moment > 5
