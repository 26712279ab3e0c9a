"""All first files or none; what git should know is added once."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import project
from harness.errors import StoreError, UsageError
from harness.onboarding.model import Model
from harness.onboarding.plan import Planned, planned, write

MODEL = Model("builtin:sd-digits", "StableDiffusionPipeline", size=32)
GOLDENS = "goldens/**/*.safetensors"


def plan(root: Path, service: str | None = None) -> dict[str, Planned]:
    """The plan by the place of its files."""
    found = planned(project.find(root), MODEL, service)
    return {one.path.relative_to(root).as_posix(): one for one in found}


def test_a_new_project(tmp_path: Path) -> None:
    found = plan(tmp_path, "github")
    assert list(found) == [
        "configs/sd-digits.yaml",
        ".github/workflows/goldens.yml",
        ".gitignore",
        ".gitattributes",
    ]
    assert [one.added for one in found.values()] == [False, False, True, True]
    assert found[".gitignore"].text == "/out/\n"
    assert found[".gitattributes"].text == (
        "# Goldens are binary. Above 5 MB they belong into Git LFS: then use the last line.\n"
        f"{GOLDENS} -text -diff\n"
        f"# {GOLDENS} filter=lfs diff=lfs merge=lfs -text\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["/out/", "out", "out/", "  /out  "])
def test_what_git_knows_already_is_not_added(tmp_path: Path, line: str) -> None:
    (tmp_path / ".gitignore").write_text(f"*.pyc\n{line}\n")
    assert ".gitignore" not in plan(tmp_path)


def test_only_missing_lines_are_added(tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").write_text(f"{GOLDENS} -text -diff\n")
    text = plan(tmp_path)[".gitattributes"].text
    assert [line[:2] for line in text.splitlines()] == ["# ", "# "]


def test_everything_in_the_way_is_named_even_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/sd-digits.yaml").symlink_to("nowhere")
    (tmp_path / ".gitlab-ci.yml").touch()
    with pytest.raises(UsageError) as told:
        plan(tmp_path, "gitlab")
    assert str(told.value).startswith("configs/sd-digits.yaml, .gitlab-ci.yml: exists already")


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "two\n"), ("", "two\n"), ("one\n", "one\ntwo\n"), ("one", "one\ntwo\n"), ("\xff", "\xff\ntwo\n")],
)
def test_added_lines_begin_on_a_line_of_their_own(tmp_path: Path, before: str | None, after: str) -> None:
    path = tmp_path / ".gitignore"
    if before is not None:
        path.write_bytes(before.encode("latin-1"))
    write([Planned(path, "two\n", added=True)])
    assert path.read_bytes() == after.encode("latin-1")


def test_a_file_that_cannot_be_written_prevents_all(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    files = [Planned(tmp_path / "one", "1\n"), Planned(tmp_path / "taken/two", "2\n")]
    with pytest.raises((StoreError, UsageError)):
        write(files)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
