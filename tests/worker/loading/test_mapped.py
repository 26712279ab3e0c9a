"""Pages of a mapped file leave memory, and nothing that was written to one is lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.worker.loading import mapped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="smaps is Linux's")

SIZE = 2**20


@pytest.fixture
def weight(tmp_path: Path) -> torch.Tensor:
    """4 MiB of a mapped file, all of them read."""
    save_file({"weight": torch.arange(SIZE, dtype=torch.int32)}, tmp_path / "one.safetensors")
    found = load_file(tmp_path / "one.safetensors")["weight"]
    assert found.sum() == SIZE * (SIZE - 1) // 2
    return found


def resident(address: int) -> int:
    """The KiB in memory of the mapping that `address` is in."""
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        word, _, rest = line.partition(" ")
        if not word.endswith(":"):
            start, stop = (int(one, 16) for one in word.split("-"))
            inside = start <= address < stop
        elif inside and word == "Rss:":
            return int(rest.split()[0])
    raise AssertionError(address)


def is_unwritten(address: int) -> bool:
    return any(start <= address < stop for start, stop in mapped.unwritten())


def test_pages_of_a_file_leave_memory_and_come_back_when_they_are_read(weight: torch.Tensor) -> None:
    start = weight.data_ptr()
    assert resident(start) >= 4096
    assert is_unwritten(start)

    mapped.let_go(start, start + weight.nbytes)

    assert resident(start) <= 64
    assert weight.sum() == SIZE * (SIZE - 1) // 2


def test_a_file_that_was_written_to_in_memory_shows_no_longer_what_it_holds(weight: torch.Tensor) -> None:
    weight[5] = -1
    assert not is_unwritten(weight.data_ptr())


def test_memory_that_is_no_files_is_not_taken_for_one() -> None:
    assert not is_unwritten(torch.ones(SIZE).data_ptr())


def test_less_than_a_page_stays(weight: torch.Tensor) -> None:
    before = resident(weight.data_ptr())
    mapped.let_go(weight.data_ptr() + 100, weight.data_ptr() + 4000)
    assert resident(weight.data_ptr()) == before


def test_without_smaps_nothing_is_known(weight: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_MAPS", Path("/nowhere"))
    assert not is_unwritten(weight.data_ptr())
