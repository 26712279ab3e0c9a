from __future__ import annotations

import fcntl
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.errors import StoreError, UsageError
from harness.invocation.options import Options
from harness.nightly import folders


def warned(_text: str) -> None:
    raise AssertionError(_text)


def night(root: Path, name: str, *, files: Sequence[str] = (), captures: Sequence[str] = ()) -> Path:
    folder = root / name
    for one in (".lock", *files, *(f"captures/{case}/capture.safetensors" for case in captures)):
        path = folder / one
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0\n")
    return folder


def test_nights_of_one_day_have_numbers_and_are_held(tmp_path: Path) -> None:
    def make() -> object:
        return folders.new_night(tmp_path / "nights", Options(), ["nightly"], warned)

    with make() as first, make() as second:  # type: ignore[attr-defined]
        assert second.name == f"{first.name}-2"
        assert not folders.is_left(tmp_path / "nothing")
        with folders.left_night(tmp_path / "nights", first, Options(), ["nightly"]) as free:
            assert not free
        for folder in (first, second):
            (folder / "report.json").write_text("{}")
    with folders.left_night(tmp_path / "nights", first, Options(), ["nightly"]) as free:
        assert free


def test_a_night_on_which_nothing_began_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError), folders.new_night(tmp_path, Options(), ["nightly"], warned):
        raise UsageError("configs: bad")
    assert folders.nights(tmp_path) == []


def test_a_night_that_is_interrupted_keeps_what_was_judged(tmp_path: Path) -> None:
    def interrupted() -> None:
        with folders.new_night(tmp_path, Options(), ["nightly"], warned) as folder:
            (folder / "report.json").write_text("{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (folder,) = folders.nights(tmp_path)
    assert (folder / "report.json").is_file()


def test_a_night_that_another_command_finished_is_left_no_more(tmp_path: Path) -> None:
    folder = night(tmp_path, "2026-03-01", files=["news.json"])
    with folders.left_night(tmp_path, folder, Options(), ["nightly"]) as free:
        assert not free


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "nights").write_text("a file")
    night = folders.new_night(tmp_path / "nights", Options(), ["nightly"], warned)
    with pytest.raises((UsageError, StoreError), match="nights"), night:
        pass


def test_nights_come_in_order_and_nothing_else_counts(tmp_path: Path) -> None:
    for name in ("2026-03-02", "2026-03-01-10", "2026-03-01-2", "2026-03-01", "notes", "2026-03"):
        (tmp_path / name).mkdir()
    (tmp_path / "2026-03-04").write_text("a file")
    names = [one.name for one in folders.nights(tmp_path)]
    assert names == ["2026-03-01", "2026-03-01-2", "2026-03-01-10", "2026-03-02"]
    assert folders.nights(tmp_path / "none") == []


@pytest.mark.parametrize(("ended", "left"), [((), True), (("news.json",), False), (("discarded",), False)])
def test_a_night_is_left_until_something_was_concluded(
    tmp_path: Path, ended: tuple[str, ...], left: bool
) -> None:
    assert folders.is_left(night(tmp_path, "2026-03-01", files=ended)) is left


def test_a_folder_that_no_command_held_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "2026-03-01").mkdir()
    assert not folders.is_left(tmp_path / "2026-03-01")


def test_a_discarded_night_loses_its_captures_alone(tmp_path: Path) -> None:
    folder = night(tmp_path, "2026-03-01", files=["report.json"], captures=["sd/a"])
    folders.discard(folder)
    assert sorted(one.name for one in folder.iterdir()) == [".lock", "discarded", "report.json"]


def test_old_nights_go_and_failures_stay_four_times_as_long(tmp_path: Path) -> None:
    for number in range(1, 12):
        night(tmp_path, f"2026-03-{number:02}", files=["report.json"], captures=["sd/a", "sd/b"])

    def failing(folder: Path) -> frozenset[str]:
        return (
            frozenset({"sd/b"}) if folder.name in ("2026-03-03", "2026-03-05", "2026-03-11") else frozenset()
        )

    removed = folders.prune(tmp_path, 2, failing)
    # The last two stay whole; of the six before, only the one with a failure; older ones go whatever they hold.
    assert [one.name for one in folders.nights(tmp_path)] == ["2026-03-05", "2026-03-10", "2026-03-11"]
    assert len(removed) == 8
    left = sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("capture.safetensors"))
    assert left == [
        "2026-03-05/captures/sd/b/capture.safetensors",
        "2026-03-10/captures/sd/a/capture.safetensors",
        "2026-03-10/captures/sd/b/capture.safetensors",
        "2026-03-11/captures/sd/a/capture.safetensors",
        "2026-03-11/captures/sd/b/capture.safetensors",
    ]


def test_a_night_that_somebody_uses_is_not_removed(tmp_path: Path) -> None:
    for number in (1, 2):
        night(tmp_path, f"2026-03-0{number}")
    with (tmp_path / "2026-03-01/.lock").open("r+") as used:
        fcntl.flock(used, fcntl.LOCK_EX)
        assert folders.prune(tmp_path, 1, lambda _: frozenset()) == []
    assert [one.name for one in folders.prune(tmp_path, 1, lambda _: frozenset())] == ["2026-03-01"]
