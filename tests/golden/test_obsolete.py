from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.golden.obsolete import obsolete, stored
from harness.golden.store import GoldenStore
from tests.golden.builders import a_case, environment, write_capture


@pytest.fixture
def store(tmp_path: Path) -> GoldenStore:
    return GoldenStore(tmp_path / "goldens")


def put(store: GoldenStore, case_id: str, platform: str) -> Path:
    path = store.path(case_id, platform)
    return write_capture(path, {"images": np.ones(2)}, case=a_case(case_id), env=environment(platform))


def test_what_belongs_to_no_case(store: GoldenStore) -> None:
    put(store, "ddim/two", "cpu-x86_64")
    gone = put(store, "ddim/gone", "cpu-x86_64")
    also = put(store, "old", "cuda-sm90")
    damaged = put(store, "old", "cpu-x86_64")
    damaged.write_bytes(b"no golden any more")
    with_it = store.root / "old" / "cuda-sm90.calibration.json"
    alone = store.root / "ddim" / "two" / "cuda-sm90.calibration.json"
    other = store.root / "ddim" / "two" / "cuda-sm90.sensitivity.json"
    kept = [
        store.root / "ddim" / "two" / f"cpu-x86_64.{kind}.json" for kind in ("calibration", "sensitivity")
    ]
    for path in (with_it, alone, other, *kept):
        path.write_text("{}")
    write_capture(store.root / "loose.safetensors", {"images": np.ones(2)})
    found = {one.file.path: one.reason for one in obsolete(stored(store.root), {"ddim/two", "ddim/new"})}
    assert list(found) == [gone, alone, other, damaged, with_it, also]
    assert found[gone] == "no config gives the case ddim/gone"
    assert found[alone] == "its golden cuda-sm90.safetensors does not exist"
    assert found[damaged].startswith("no config gives the case old, and it is truncated")


def test_what_is_known_of_a_file(store: GoldenStore) -> None:
    golden = put(store, "sd/two", "cpu-x86_64")
    beside = golden.with_name("cpu-x86_64.calibration.json")
    beside.write_text("{}")
    ours, theirs = stored(store.root)
    assert (ours.path, ours.case, ours.platform, ours.size, ours.golden) == (
        beside,
        "sd/two",
        "cpu-x86_64",
        2,
        golden,
    )
    assert (theirs.path, theirs.size, theirs.kind) == (golden, golden.stat().st_size, None)


def test_hidden_files_links_and_what_is_named_like_no_platform(store: GoldenStore) -> None:
    golden = put(store, "a", "cpu-x86_64")
    golden.with_name(".golden-1.safetensors").write_bytes(b"")
    golden.with_name("model.safetensors").write_bytes(b"")
    golden.with_name("cuda-sm90.safetensors").symlink_to(golden)
    assert [one.path for one in stored(store.root)] == [golden]


def test_no_folder_no_files(tmp_path: Path) -> None:
    assert stored(tmp_path / "nowhere") == ()
