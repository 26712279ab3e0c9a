"""Finding config files: which count, which ids they give, and which names cannot be ids."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.config.files import bad_id, duplicates, find, too_long
from harness.errors import UsageError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x: 1\n")


def complaints(root: Path) -> list[str]:
    return [str(problem).replace(f"{root}/", "") for problem in find(root).problems]


def test_yaml_files_at_any_depth_count_in_the_order_of_their_paths(tmp_path: Path) -> None:
    touch(tmp_path, "b.yaml", "a/z.yml", "a/deep/er/x-1.2+3_4.yaml", "A.YAML", "notes.md", "a/data.json")
    assert [file.id for file in find(tmp_path).files] == ["A", "a/deep/er/x-1.2+3_4", "a/z", "b"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a.yaml", ".b.yaml", ".git/c.yaml", "d/.e.yaml")
    found = find(tmp_path)
    assert [file.id for file in found.files] == ["a"]
    assert (found.problems, found.warnings) == ((), ())


ACCEPTED = "letters, digits, '_', '.', '+' and '-'; a letter, a digit or '_' first, and no '..'"


@pytest.mark.parametrize(
    "part", ["a b", "a@b", "a,b", "a=b", "a*b", "a?b", "a[b", "a\nb", "-a", "a..b", "a:b", "+"]
)
def test_names_that_cannot_be_ids_are_problems(tmp_path: Path, part: str) -> None:
    touch(tmp_path, f"{part}.yaml", f"{part}/x.yaml", "good.yaml")
    message = f"{part!r} cannot be a part of a case id; rename it with {ACCEPTED}"
    assert complaints(tmp_path) == sorted([f"{part}.yaml: {message}", f"{part}/x.yaml: {message}"])
    assert [file.id for file in find(tmp_path).files] == ["good"]


def test_a_name_that_is_no_utf8_is_a_problem_that_can_be_printed(tmp_path: Path) -> None:
    try:
        touch(tmp_path, os.fsdecode(b"caf\xe9.yaml"))
    except OSError:
        pytest.skip("this file system keeps such names out")
    [complaint] = complaints(tmp_path)
    assert complaint.encode("utf-8").startswith(b"caf\\udce9.yaml: ")


def test_letters_of_any_script_are_accepted(tmp_path: Path) -> None:
    touch(tmp_path, "七/ü.yaml")
    assert [file.id for file in find(tmp_path).files] == ["七/ü"]


def test_a_part_of_more_than_200_bytes_is_a_problem(tmp_path: Path) -> None:
    touch(tmp_path, f"{'x' * 200}.yaml", f"{'y' * 201}.yaml", f"{'ü' * 101}/z.yaml")
    shown = {"y": f"{'y' * 60}…", "ü": f"{'ü' * 60}…"}
    assert complaints(tmp_path) == [
        f"{'y' * 201}.yaml: the case id has a part of 201 bytes, but at most 200 fit: {shown['y']}; shorten it",
        f"{'ü' * 101}/z.yaml: the case id has a part of 202 bytes, but at most 200 fit: {shown['ü']}; shorten it",
    ]


def test_only_parts_are_bounded_not_whole_ids() -> None:
    assert too_long("/".join(["x" * 200] * 5)) is None


def test_links_are_followed_inside_and_reported_outside(tmp_path: Path) -> None:
    root = tmp_path / "configs"
    touch(tmp_path, "configs/real.yaml", "outside.yaml", "elsewhere/x.yaml")
    (root / "inside.yaml").symlink_to("real.yaml")
    (root / "out.yaml").symlink_to(tmp_path / "outside.yaml")
    (root / "gone.yaml").symlink_to("nothing.yaml")
    (root / "circle.yaml").symlink_to("circle.yaml")
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "fifo.yaml").parent.mkdir(exist_ok=True)
    os.mkfifo(root / "fifo.yaml")
    found = find(root)
    assert [file.id for file in found.files] == ["inside", "real"]
    assert complaints(root) == [
        "circle.yaml: a link that leads nowhere; remove it",
        "fifo.yaml: not a regular file; remove it",
        "gone.yaml: a link that leads nowhere; remove it",
        "out.yaml: a link that leads outside the configs folder; copy the file here",
    ]
    assert found.warnings == (f"{root}/folder: a linked folder is not followed; copy it here",)


def test_a_folder_that_cannot_be_read_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.yaml", "secret/b.yaml")
    scan = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert complaints(tmp_path) == ["secret: cannot be read (Permission denied); check the folder"]
    assert [one.file.id for one in find(tmp_path).refused] == ["secret/"]


def test_a_folder_that_is_itself_a_link_is_fine(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.yaml")
    (tmp_path / "link").symlink_to("real")
    [file] = find(tmp_path / "link").files
    assert (file.id, file.shown) == ("a", f"{tmp_path}/link/a.yaml")


def test_a_missing_or_empty_folder_is_a_usage_error(tmp_path: Path) -> None:
    touch(tmp_path, "file", "empty/readme.md")
    for name, message in [
        ("gone", "no such folder; give the folder of the configs with --configs"),
        ("file", "is not a folder; give the folder of the configs with --configs"),
        (
            "empty",
            "contains no *.yaml file; write a config there, with `harness init MODEL` for a start, "
            "or give another --configs",
        ),
    ]:
        with pytest.raises(UsageError) as caught:
            find(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {message}"


def test_equal_ids_and_ids_that_some_file_systems_take_for_equal_are_problems() -> None:
    ids = [
        ("a.yaml", "a"),
        ("a.yml", "a"),
        ("A.yaml", "A"),
        ("b.yaml", "b"),
        ("b.yaml", "b@x=c"),
        ("b.yaml", "b@x=C"),
    ]
    ids += [("u1.yaml", "\u00fc"), ("u2.yaml", "u\u0308")]
    why = "differ only in what some file systems ignore (letter case, accents)"
    assert [str(one.problem) for one in duplicates(ids)] == [
        "a.yml: gives the case id 'a' a second time, after a.yaml; rename one",
        f"A.yaml: the case ids 'A' and 'a' (a.yaml) {why}; rename one",
        f"b.yaml: the case ids 'b@x=C' and 'b@x=c' (b.yaml) {why}; rename one",
        f"u2.yaml: the case ids 'u\u0308' and '\u00fc' (u1.yaml) {why}; rename one",
    ]


def test_what_can_be_an_id() -> None:
    assert bad_id("sd/ddim.v2") is None
    assert "'..' cannot be a part of a case id" in str(bad_id("../a"))
    assert "cannot be a part of a case id" in str(bad_id("a b"))
    assert "at most 200 fit" in str(bad_id("x" * 201))
