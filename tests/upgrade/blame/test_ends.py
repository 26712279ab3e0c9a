"""Where a search begins and ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from harness.core.capture import CaptureDocument
from harness.errors import UsageError
from harness.golden.header import read_document
from harness.invocation.options import BlameOptions
from harness.upgrade.blame.ends import bad_end, golden_ends, good_end
from harness.upgrade.environments import Environments
from harness.upgrade.index import Index
from harness.upgrade.installer import Unresolvable, Wish
from harness.upgrade.judging import Upgrades
from harness.upgrade.lock import Lock
from tests.golden.builders import environment, write_capture

HERE = {"diffusers": "0.42.1", "numpy": "2.4.2", "torch": "2.13.0"}


class Resolver:
    """Gives what is asked for on top of what is preferred, and keeps the wishes; `refuses` all of them."""

    name = "resolver"

    def __init__(self) -> None:
        self.wishes: list[Wish] = []
        self.refuses = False

    def resolve(self, wish: Wish) -> Lock:
        self.wishes.append(wish)
        if self.refuses:
            raise Unresolvable("contradiction")
        pins = dict(one.split("==") for one in wish.requirements if "==" in one)
        return Lock({**wish.preferred.packages, **pins, "companion": "1"})

    def create(self, folder: Path) -> None:
        raise AssertionError(folder)

    def install(self, lock: Lock, folder: Path) -> None:
        raise AssertionError(lock, folder)


@pytest.fixture
def resolver() -> Resolver:
    return Resolver()


def upgrades(resolver: Resolver, *, large: bool = False) -> Upgrades:
    return Upgrades(resolver, Environments(Path("none"), resolver, Index()), Lock(HERE), large)


def golden(folder: Path, packages: Mapping[str, str], imported: Mapping[str, str]) -> CaptureDocument:
    base = environment()
    software = dataclasses.replace(base.software, packages=packages, imported=imported)
    capture = write_capture(
        folder / "golden.safetensors", {"images": [1.0]}, env=dataclasses.replace(base, software=software)
    )
    return read_document(capture)


def test_by_default_from_the_goldens_versions_to_what_is_installed(
    tmp_path: Path, resolver: Resolver
) -> None:
    how = upgrades(resolver)
    asked = BlameOptions()
    bad = bad_end(asked, how)
    assert bad == how.here
    document = golden(tmp_path, {"diffusers": "0.35.2", "torch": "2.13.0"}, {"Typing_Extensions": "4.1"})
    ends = good_end(asked, how, bad)(document)
    assert ends is not None
    assert ends.good.packages == {
        **HERE, "diffusers": "0.35.2", "typing-extensions": "4.1", "companion": "1",
    }  # fmt: skip
    assert (ends.bad, ends.held, ends.asked) == (how.here, (), False)
    assert set(resolver.wishes[-1].requirements) == {
        "diffusers==0.35.2", "typing-extensions==4.1", "torch==2.13.0",
    }  # fmt: skip
    assert good_end(asked, how, bad)(None) is None


def test_versions_that_contradict_each_other_on_paper_are_tried_nevertheless(
    tmp_path: Path, resolver: Resolver
) -> None:
    resolver.refuses = True
    ends = golden_ends(golden(tmp_path, {"diffusers": "0.35.2"}, {}), upgrades(resolver), Lock(HERE))
    assert ends.good.packages == {**HERE, "diffusers": "0.35.2"}


@pytest.mark.parametrize("large", [False, True])
def test_another_torch_is_downloaded_only_if_allowed(tmp_path: Path, resolver: Resolver, large: bool) -> None:
    document = golden(tmp_path, {"torch": "2.9.1", "numpy": "2.0.0"}, {})
    ends = golden_ends(document, upgrades(resolver, large=large), Lock(HERE))
    assert ends.good.packages["torch"] == ("2.9.1" if large else "2.13.0")
    assert [one.what for one in ends.held] == ([] if large else ["torch"])


@pytest.mark.parametrize(("recorded", "here", "good"), [
    ("2.13.0+cu128", "2.13.0", "2.13.0"),
    ("2.9.1+cu128", "2.13.0", "2.9.1"),
    ("2.9.1+cpu", "2.13.0+cpu", "2.9.1+cpu"),
])  # fmt: skip
def test_the_build_that_torch_names_itself_is_no_version_of_an_index(
    tmp_path: Path, resolver: Resolver, recorded: str, here: str, good: str
) -> None:
    bad = Lock({**HERE, "torch": here})
    document = golden(tmp_path, {"torch": recorded}, {})
    assert golden_ends(document, upgrades(resolver, large=True), bad).good.packages["torch"] == good
    held = golden_ends(document, upgrades(resolver), bad).held
    assert [(one.golden, one.now) for one in held] == ([(good, here)] if good != here else [])


@pytest.mark.parametrize("large", [False, True])
def test_what_torch_pins_stays_where_torch_stays(tmp_path: Path, resolver: Resolver, large: bool) -> None:
    here = Lock({**HERE, "nvidia-cudnn-cu13": "9.12", "triton": "3.6"})
    document = golden(
        tmp_path, {"torch": "2.9.1", "numpy": "2.0.0", "nvidia-cudnn-cu12": "9.1", "triton": "3.4"}, {}
    )
    golden_ends(document, upgrades(resolver, large=large), here)
    wanted = set(resolver.wishes[-1].requirements)
    pinned = {"torch==2.9.1", "numpy==2.0.0", "nvidia-cudnn-cu12==9.1", "triton==3.4"}
    assert wanted == (pinned if large else {"numpy==2.0.0", "torch==2.13.0"})


def test_a_linked_source_tree_is_not_sought_on_an_index(tmp_path: Path, resolver: Resolver) -> None:
    bad = Lock({"numpy": "2.4.2", "mine": "file:///mine", "torch": "https://h.example/torch.whl"})
    golden_ends(golden(tmp_path, {"numpy": "2.0.0"}, {}), upgrades(resolver), bad)
    assert "mine @ file:///mine" in resolver.wishes[-1].names
    assert "torch @ https://h.example/torch.whl" in resolver.wishes[-1].requirements


@pytest.mark.parametrize(("recorded", "moves"), [("0.1", False), ("0.0.9", True)])
def test_a_linked_source_tree_of_the_goldens_version_has_not_moved(
    tmp_path: Path, resolver: Resolver, monkeypatch: pytest.MonkeyPatch, recorded: str, moves: bool
) -> None:
    monkeypatch.setattr("harness.upgrade.blame.ends.version_of", {"mine": "0.1"}.__getitem__)
    bad = Lock({**HERE, "mine": "file:///mine"})
    document = golden(tmp_path, {"numpy": "2.0.0"}, {"mine": recorded})
    good = golden_ends(document, upgrades(resolver), bad).good.packages
    assert good["mine"] == (recorded if moves else "file:///mine")


def test_nothing_moved(tmp_path: Path, resolver: Resolver) -> None:
    ends = golden_ends(golden(tmp_path, HERE, {}), upgrades(resolver), Lock(HERE))
    assert ends.good == ends.bad
    assert resolver.wishes == []


def test_good_and_bad_as_they_are_asked_for(resolver: Resolver) -> None:
    how = upgrades(resolver)
    asked = BlameOptions(good=("diffusers==0.35.2",), bad=("diffusers==0.36.0", "numpy==2.0.0"))
    bad = bad_end(asked, how)
    assert (bad.packages["diffusers"], bad.packages["numpy"]) == ("0.36.0", "2.0.0")
    ends = good_end(asked, how, bad)(None)
    assert ends is not None
    assert (ends.good.packages["diffusers"], ends.asked) == ("0.35.2", True)


def test_with_a_bad_end_alone_what_is_installed_is_good(resolver: Resolver) -> None:
    how = upgrades(resolver)
    asked = BlameOptions(bad=("diffusers==0.43.0",))
    ends = good_end(asked, how, bad_end(asked, how))(None)
    assert ends is not None
    assert (ends.good, ends.bad.packages["diffusers"]) == (how.here, "0.43.0")


def test_since_a_day(resolver: Resolver) -> None:
    how = upgrades(resolver)
    asked = BlameOptions(since="2026-03-01")
    bad = bad_end(asked, how)
    assert bad == how.here
    assert good_end(asked, how, bad)(None) is not None
    assert resolver.wishes[-1].day == date(2026, 3, 1)


def test_an_end_may_be_a_lock_file(tmp_path: Path, resolver: Resolver) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("diffusers==0.40.0\ntorch==2.13.0\n")
    found = bad_end(BlameOptions(bad=(str(lock),)), upgrades(resolver))
    assert found.packages == {"diffusers": "0.40.0", "torch": "2.13.0"}


def test_what_is_no_requirement_is_refused(resolver: Resolver) -> None:
    with pytest.raises(UsageError, match="no requirement"):
        bad_end(BlameOptions(bad=("diffusers=0.43.0",)), upgrades(resolver))


def test_a_file_that_is_no_lock_and_a_lock_that_is_no_file_are_no_ends(
    tmp_path: Path, resolver: Resolver
) -> None:
    other = tmp_path / "diffusers.whl"
    other.touch()
    for name in (str(other), str(tmp_path / "missing.txt")):
        with pytest.raises(UsageError, match=r"--bad .*no folder of sources"):
            bad_end(BlameOptions(bad=(name,)), upgrades(resolver))
