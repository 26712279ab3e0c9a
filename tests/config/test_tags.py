"""The tags of valid and broken configs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.load import tags_in_text, tags_of


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        ({}, ()),
        ({"tags": []}, ()),
        ({"tags": ["a", "b-1"]}, ("a", "b-1")),
        ({"tags": "a"}, None),
        ({"tags": ["a", 1]}, None),
        ({"tags": None}, None),
    ],
)
def test_stated_tags(values: dict[str, object], tags: tuple[str, ...] | None) -> None:
    assert tags_of(values) == tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("steps: [\n", ()),
        ("tags: [smoke, slow-1]\ncall: [\n", ("smoke", "slow-1")),
        ("{pipeline: x, 'tags': ['smoke'], call: ]", ("smoke",)),
        ("tags:\n  - smoke\n  - 'slow'\ncall: [", ("smoke", "slow")),
        ("tags:\n- smoke\n- slow\nsteps: [other]", ("smoke", "slow")),
        ("tags: [\n  smoke, # and not slow\n  fast\n", ("smoke", "fast")),
        ("# tags: [smoke]\ncall: [", ()),
        ("x: #tags: [smoke]\ntags: [a]", ("a",)),
        ("<<<<<<< ours\ntags: [smoke]\n=======\ntags: [slow]\n>>>>>>> theirs\n", ("smoke", "slow")),
    ],
)
def test_what_may_be_a_tag_in_a_text_that_is_no_yaml(
    tmp_path: Path, text: str, tags: tuple[str, ...]
) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert tags_in_text(tmp_path / "a.yaml") == tags


def test_tags_are_read_from_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("call: {prompt: é}\ntags: [smoke]\n".encode("latin-1"))
    assert tags_in_text(tmp_path / "a.yaml") == ("smoke",)


def test_an_unreadable_file_has_no_known_tags(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to("nothing")
    (tmp_path / "folder.yaml").mkdir()
    assert tags_in_text(tmp_path / "gone.yaml") is None
    assert tags_in_text(tmp_path / "folder.yaml") is None
