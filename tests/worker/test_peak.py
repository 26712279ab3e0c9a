from __future__ import annotations

from pathlib import Path

import torch

from harness.worker import peak

CPU = torch.device("cpu")
MIB = 1024 * 1024


def test_the_peak_is_that_of_what_was_held_since_it_was_forgotten(tmp_path: Path) -> None:
    del_me = bytearray(192 * MIB)
    del_me[::4096] = b"x" * len(del_me[::4096])
    del del_me
    peak.forget(CPU)
    before = peak.since_forgotten(CPU)
    held = bytearray(64 * MIB)
    held[::4096] = b"x" * len(held[::4096])
    after = peak.since_forgotten(CPU)
    assert before is not None
    assert after is not None
    assert 60 * MIB <= after - before <= 100 * MIB


def test_the_kernel_is_asked_for_a_new_count(tmp_path: Path) -> None:
    (tmp_path / "status").write_text(
        "Name:\tpython\nVmPeak:\t  900 kB\nVmHWM:\t     512 kB\nVmRSS:\t 400 kB\n"
    )
    peak.forget(CPU, tmp_path)
    assert (tmp_path / "clear_refs").read_text() == "5"
    assert peak.since_forgotten(CPU, tmp_path) == 512 * 1024


def test_a_system_that_does_not_say_has_no_peak(tmp_path: Path) -> None:
    peak.forget(CPU, tmp_path / "none")
    assert peak.since_forgotten(CPU, tmp_path) is None
