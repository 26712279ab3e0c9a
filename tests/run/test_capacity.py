"""How many workers `--jobs auto` gives: by cores, threads, memory, models and runs, whatever machine the test is on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.core.case import Determinism, ModelSpec
from harness.run import capacity
from harness.run.trial import Trial
from tests.core.samples import case

GB = 1 << 30
SMALL = ModelSpec("small")


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Eight cores and 64 GB; a model of 1 MB, one of 7 GB in two files."""
    machine(monkeypatch)
    for name in ("HARNESS_THREADS", "HF_HUB_CACHE", "HF_HOME", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sized(tmp_path / "small/unet/model.safetensors", 1 << 20)
    sized(tmp_path / "large/unet/model.safetensors", 5 * GB)
    sized(tmp_path / "large/vae/model.safetensors", 2 * GB)


def machine(monkeypatch: pytest.MonkeyPatch, cores: int = 8, memory: int | None = 64 * GB) -> None:
    monkeypatch.setattr(capacity, "_cores", lambda: cores)
    monkeypatch.setattr(capacity, "_available_bytes", lambda: memory)


def sized(path: Path, size: int) -> None:
    """A file of that size that takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def runs(base: Path, count: int = 20, model: ModelSpec = SMALL, threads: int = 1) -> list[Trial]:
    determinism = Determinism(threads=threads)
    return [
        Trial(case(id=f"c{number}", base=str(base), model=model, determinism=determinism), Path("capture"))
        for number in range(count)
    ]


def test_one_for_each_core(tmp_path: Path) -> None:
    assert capacity.workers(runs(tmp_path), "cpu") == 8


def test_of_no_trials_there_is_one(tmp_path: Path) -> None:
    assert capacity.workers([], "cpu") == 1


def test_workers_that_are_there_hold_their_memory_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = runs(tmp_path, model=ModelSpec("large"))
    machine(monkeypatch, memory=16 * GB)
    assert [capacity.workers(large, "cpu", held) for held in (0, 2, 12)] == [1, 3, 8]


def test_the_threads_of_a_run_share_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert capacity.workers(runs(tmp_path, threads=3), "cpu") == 2
    assert capacity.workers([*runs(tmp_path), *runs(tmp_path, 1, threads=4)], "cpu") == 2
    assert capacity.workers(runs(tmp_path, threads=16), "cpu") == 1
    monkeypatch.setenv("HARNESS_THREADS", "2")
    assert capacity.workers(runs(tmp_path), "cpu") == 4


def test_each_has_to_hold_the_largest_model(tmp_path: Path) -> None:
    large = ModelSpec("large")
    # Seven GB twice and one for itself go four times into 64.
    assert capacity.workers(runs(tmp_path, model=large), "cpu") == 4
    assert capacity.workers([*runs(tmp_path), *runs(tmp_path, 1, model=large)], "cpu") == 4


def test_too_little_memory_leaves_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, memory=GB // 2)
    assert capacity.workers(runs(tmp_path), "cpu") == 1
    machine(monkeypatch, memory=None)
    assert capacity.workers(runs(tmp_path), "cpu") == 8


def test_a_model_of_the_hub_counts_as_its_cache_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached, absent = ModelSpec("some/model"), ModelSpec("another/model")
    sized(tmp_path / "cache/huggingface/hub/models--some--model/blobs/0", 15 * GB)
    assert capacity.workers(runs(tmp_path, model=cached), "cpu") == 2
    assert capacity.workers(runs(tmp_path, model=absent), "cpu") == 4
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    assert capacity.workers(runs(tmp_path, model=cached), "cpu") == 4


def test_a_built_in_model_is_small(tmp_path: Path) -> None:
    assert capacity.workers(runs(tmp_path, model=ModelSpec("builtin:sd-digits")), "cpu") == 8


@pytest.mark.parametrize("device", ["cuda", "cuda:3", "mps"])
def test_one_for_the_one_gpu_that_is_named(tmp_path: Path, device: str) -> None:
    assert capacity.workers(runs(tmp_path), device) == 1


def test_auto_is_the_cpu_where_there_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.run.capacity.sys.platform", "linux")
    found: list[Path] = []
    monkeypatch.setattr("harness.run.capacity.Path.glob", lambda _self, _pattern: iter(found))
    assert capacity.workers(runs(tmp_path), "auto") == 8
    found.append(Path("/dev/nvidia0"))
    assert capacity.workers(runs(tmp_path), "auto") == 1
    for hidden in ("", "-1", " -1 ", "-1,0"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert capacity.workers(runs(tmp_path), "auto") == 8
    for visible in (
        "0",
        "1,-1",
        "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
        "MIG-c7384736-a75d-5afc-978f-d2f1294409fd",
    ):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert capacity.workers(runs(tmp_path), "auto") == 1


def test_auto_is_the_gpu_of_a_mac_with_apple_s_chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.run.capacity.sys.platform", "darwin")
    for chip, expected in (("arm64", 1), ("x86_64", 8)):
        monkeypatch.setattr("harness.run.capacity.platform.machine", lambda chip=chip: chip)
        assert capacity.workers(runs(tmp_path), "auto") == expected


def test_this_machine_has_cores_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert 1 <= capacity._cores() <= (os.cpu_count() or 1)
    memory = capacity._available_bytes()
    assert memory is None or memory > 0


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_the_quota_of_the_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], cores: float | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(capacity, "_GROUP", tmp_path)
    assert capacity._quota() == cores


def test_the_memory_of_the_control_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "_GROUP", tmp_path)
    assert [*capacity._free_in_group()] == []
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("5\n")
    assert [*capacity._free_in_group()] == []
    (tmp_path / "memory.max").write_text("12\n")
    assert [*capacity._free_in_group()] == [7]
