from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Acceptance
from harness.core.tolerance import Rule, Tolerance
from harness.errors import StoreError
from harness.golden.store import Found, GoldenStore, Missing, nearest_platform
from tests.golden.builders import a_case, environment, write_capture

ACCEPTANCE = Acceptance("record", "2026-01-01T00:00:00+00:00", 2, "0.1.0")


@pytest.fixture
def store(tmp_path: Path) -> GoldenStore:
    return GoldenStore(tmp_path / "goldens")


def put(store: GoldenStore, case_id: str, platform: str) -> Path:
    path = store.path(case_id, platform)
    return write_capture(path, {"images": np.ones(2)}, case=a_case(case_id), env=environment(platform))


def test_path(store: GoldenStore) -> None:
    expected = store.root / "sd" / "euler@seed=0,scheduler.class=Euler" / "cuda-sm90.safetensors"
    assert store.path("sd/euler@seed=0,scheduler.class=Euler", "cuda-sm90") == expected


@pytest.mark.parametrize(
    "case_id", ["", ".", "..", "../a", "a/../b", "/etc", "a//b", "a/", "./a", "a\0b", "a/./b"]
)
def test_case_ids_that_leave_the_root(store: GoldenStore, case_id: str) -> None:
    with pytest.raises(StoreError, match="invalid case id"):
        store.path(case_id, "cpu-x86_64")


@pytest.mark.parametrize("platform", ["", ".", "..", "a/b", "../x", ".hidden", "a\0", "a b"])
def test_platforms_that_leave_the_root(store: GoldenStore, platform: str) -> None:
    with pytest.raises(StoreError, match="invalid platform"):
        store.path("ddim/two", platform)


def test_platforms_are_those_of_this_cases_goldens_only(store: GoldenStore) -> None:
    assert store.platforms("ddim") == ()
    put(store, "ddim", "cuda-sm90")
    put(store, "ddim", "cpu-x86_64")
    put(store, "ddim/two", "cpu-aarch64")
    for name in (".golden-1.tmp", "cpu-x86_64.calibration.json", ".x.safetensors", "notes.txt"):
        (store.root / "ddim" / name).write_bytes(b"")
    assert store.platforms("ddim") == ("cpu-x86_64", "cuda-sm90")
    assert store.platforms("ddim/two") == ("cpu-aarch64",)


def test_find_exact(store: GoldenStore) -> None:
    path = put(store, "ddim/two", "cpu-x86_64")
    put(store, "ddim/two", "cpu-aarch64")
    assert store.find(a_case(), "cpu-x86_64") == Found(path, "cpu-x86_64", nearest=False)


def test_find_nothing(store: GoldenStore) -> None:
    found = store.find(a_case("it's"), "cpu-x86_64")
    assert found == Missing("cpu-x86_64", ())


def test_find_nearest_says_which_and_why(store: GoldenStore) -> None:
    path = put(store, "ddim/two", "cuda-sm80")
    put(store, "ddim/two", "cpu-x86_64")
    assert store.find(a_case(), "cuda-sm90") == Found(
        path,
        "cuda-sm80",
        nearest=True,
        why="cuda-sm90 has no golden of its own; cuda-sm80 is the nearest (the same kind of device)",
    )


def test_find_refuses_another_platform(store: GoldenStore) -> None:
    put(store, "ddim/two", "cuda-sm80")
    put(store, "ddim/two", "cpu-x86_64")
    case = a_case(tolerance=Tolerance(cross_hardware=Rule.REFUSE))
    found = store.find(case, "cuda-sm90")
    assert isinstance(found, Missing)
    assert found == Missing("cuda-sm90", ("cpu-x86_64", "cuda-sm80"))


@pytest.mark.parametrize(
    ("platform", "there", "expected"),
    [
        ("cuda-sm90", ["cuda-sm80", "cuda-sm89", "cuda-sm100"], "cuda-sm89"),
        ("cuda-sm90", ["cuda-sm75", "cuda-sm100"], "cuda-sm100"),
        ("cuda-sm90", ["cuda-sm100", "cuda-sm80"], "cuda-sm80"),
        ("cuda-sm90", ["cpu-x86_64", "cuda-sm50"], "cuda-sm50"),
        ("cuda-sm90", ["cpu-aarch64", "cpu-x86_64", "mps-m2"], "cpu-x86_64"),
        ("cuda-sm90", ["mps-m2", "cpu-s390x", "cpu-aarch64"], "cpu-aarch64"),
        ("cuda-sm90", ["xpu-2", "mps-m2"], "mps-m2"),
        ("cpu-x86_64", ["cuda-sm90", "cpu-aarch64"], "cpu-aarch64"),
        ("mps-m2", ["mps-m1", "cpu-x86_64"], "mps-m1"),
    ],
)
def test_the_order_of_the_nearest(platform: str, there: list[str], expected: str) -> None:
    assert nearest_platform(platform, there, "x86_64")[0] == expected
    assert nearest_platform(platform, there[::-1], "x86_64")[0] == expected


def test_accept_goes_by_the_capture(store: GoldenStore, tmp_path: Path) -> None:
    capture = write_capture(
        tmp_path / "c.safetensors",
        {"images": np.ones(2)},
        case=a_case("sd/one"),
        env=environment("cuda-sm90"),
    )
    golden = store.root / "sd" / "one" / "cuda-sm90.safetensors"
    assert store.accept(capture, ACCEPTANCE) == golden
    assert store.document(golden).accepted == ACCEPTANCE
    assert store.accept(capture, ACCEPTANCE) == golden
    with store.open(golden) as file:
        assert [piece.tolist() for piece in file.arrays("output/images")] == [[1.0, 1.0]]


def test_accept_never_leaves_the_root(store: GoldenStore, tmp_path: Path) -> None:
    capture = write_capture(tmp_path / "c.safetensors", {"images": np.ones(2)}, case=a_case("../evil"))
    with pytest.raises(StoreError, match="invalid case id"):
        store.accept(capture, ACCEPTANCE)
    assert not (tmp_path / "evil").exists()


def test_remove_takes_empty_folders_along(store: GoldenStore) -> None:
    put(store, "ddim/two", "cpu-x86_64")
    gone, other = put(store, "sd/deep/gone", "cpu-x86_64"), put(store, "sd/deep/gone", "cuda-sm90")
    store.remove(gone)
    assert other.exists()
    store.remove(other)
    assert sorted(path.name for path in store.root.iterdir()) == ["ddim"]
    with pytest.raises(StoreError, match="cannot be deleted"):
        store.remove(other)
    with pytest.raises(StoreError, match="lies outside"):
        store.remove(store.root.parent / "x")


def test_a_folder_that_cannot_be_listed(store: GoldenStore) -> None:
    store.root.mkdir()
    with pytest.raises(StoreError, match="cannot be listed"):
        store.platforms("x" * 300)
