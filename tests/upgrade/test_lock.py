"""Exact versions: read, written, compared, and those of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from harness.core.environment import Change
from harness.upgrade import lock
from harness.upgrade.lock import Lock, installed, lock_of, place_of, roots, source_trees, too_old

TEXT = """\
# made by a tool
--index-url https://a.example
diffusers==0.43.0 \\
    --hash=sha256:00
Hugging_Face.Hub[cli]==1.2  # via diffusers
torch==2.13.0+cpu ; python_version > "3"
mine @ file:///home/me/mine
"""


def test_pins_are_read_whatever_stands_around_them() -> None:
    assert lock_of(TEXT.splitlines()) == Lock(
        {
            "diffusers": "0.43.0",
            "hugging-face-hub": "1.2",
            "torch": "2.13.0+cpu",
            "mine": "file:///home/me/mine",
        }
    )


def test_a_lock_is_read_as_it_was_written() -> None:
    lock = lock_of(TEXT.splitlines())
    assert lock.requirements()[0] == "diffusers==0.43.0"
    assert "mine @ file:///home/me/mine" in lock.requirements()
    assert lock_of(lock.requirements()) == lock


def test_what_is_on_no_index_is_asked_for_by_its_place() -> None:
    found = Lock({"a": "1", "mine": "file:///mine"})
    assert found.words(("a", "mine")) == ("a", "mine @ file:///mine")


@pytest.mark.parametrize(("origin", "place"), [
    ({"url": "file:///mine", "dir_info": {"editable": True}}, "file:///mine"),
    ({"url": "https://a.example/g", "vcs_info": {"vcs": "git", "commit_id": "abc"}}, "git+https://a.example/g@abc"),
    (
        {"url": "https://a.example/g", "vcs_info": {"commit_id": "abc"}, "subdirectory": "below"},
        "git+https://a.example/g@abc#subdirectory=below",
    ),
])  # fmt: skip
def test_where_something_was_installed_from(origin: dict[str, Any], place: str) -> None:
    assert place_of(origin) == place


def test_what_moved_is_named_from_and_to() -> None:
    before, after = Lock({"a": "1", "b": "1", "gone": "1"}), Lock({"a": "1", "b": "2", "new": "3"})
    assert after.moved_from(before) == (
        Change("b", "1", "2"),
        Change("gone", "1", None),
        Change("new", None, "3"),
    )
    assert before.moved_from(before) == ()


@dataclass
class Fake:
    """An installed distribution."""

    name: str
    version: str
    linked: str | None = None

    @property
    def metadata(self) -> dict[str, str]:
        return {"Name": self.name}

    def read_text(self, _name: str) -> str | None:
        return self.linked


def test_installers_and_linked_sources_are_not_part_of_it() -> None:
    found = [
        Fake("Diffusers", "0.43.0"),
        Fake("setuptools", "80"),
        Fake("pip", "26"),
        Fake("mine", "1", '{"url": "file:///mine"}'),
    ]
    assert installed(found) == Lock({"diffusers": "0.43.0", "setuptools": "80"})  # type: ignore[arg-type]


def test_the_roots_are_what_the_harness_itself_asks_for() -> None:
    found = roots()
    assert {"torch", "diffusers", "transformers", "numpy", "pydantic"} <= set(found)
    # What diffusers needs is for diffusers to say.
    assert "regex" not in found
    assert roots("no-such-distribution") == ()


def test_of_extras_only_what_is_installed_is_a_root(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["always>=1", 'extra-here>=1; extra == "a"', 'extra-gone>=1; extra == "b"']
    monkeypatch.setattr(lock, "requires", lambda _: wanted)
    monkeypatch.setattr(lock, "installed", lambda: Lock({"always": "1", "extra-here": "1"}))
    assert roots() == ("always", "extra-here")


@pytest.mark.parametrize(("packages", "told"), [
    ({"diffusers": "0.30.0", "transformers": "4.44.0"}, ""),
    ({"diffusers": "0.43.0.dev0"}, ""),
    ({"diffusers": "git+https://example.org/diffusers@main"}, ""),
    ({}, ""),
    ({"diffusers": "0.29.2"}, "cannot run: diffusers 0.29.2 is out of range, the harness runs under 0.30 and newer"),
    (
        {"diffusers": "0.30.3", "transformers": "4.43.4"},
        "cannot run: transformers 4.43.4 is out of range, the harness runs under 4.44 and newer",
    ),
])  # fmt: skip
def test_versions_that_no_worker_runs_under_are_out_of_range(packages: dict[str, str], told: str) -> None:
    assert too_old(Lock(packages)) == told


def test_source_trees_are_what_came_from_an_address_without_the_harness_and_installers() -> None:
    origin = '{"url": "file:///mine", "dir_info": {}}'
    found = [
        Fake("Mine", "1", origin),
        Fake("from-an-index", "1"),
        Fake("pip", "1", origin),
        Fake("diffusers_goldens", "1", origin),
        Fake("", "1", origin),
    ]
    assert source_trees(cast("Any", found)) == Lock({"mine": "file:///mine"})
