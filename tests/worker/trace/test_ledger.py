"""Tensors become rows, equal ones the same; what is kept goes to a file as it comes."""

from __future__ import annotations

import gc
import hashlib
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.core.trace import Slot
from harness.errors import StoreError
from harness.worker.trace.ledger import Ledger, Rows
from tests.worker.trace.test_fingerprints import digest, noise

MIB = 2**20


def rows_of(*tensors: torch.Tensor, keep: bool = False, spool: Path | None = None) -> tuple[Rows, list[int]]:
    """The rows of the ledger, and the row of each tensor."""
    ledger = Ledger(spool)
    tickets = [ledger.add(tensor, keep=keep) for tensor in tensors]
    rows = ledger.finish()
    return rows, [int(rows.of_ticket[ticket]) for ticket in tickets]


def kept(rows: Rows, row: int) -> bytes:
    assert rows.spooled is not None
    return rows.spooled.path.read_bytes()[rows.places[row] :]


# Rows


def test_equal_bits_of_one_kind_are_one_row() -> None:
    tensor = noise(0, 2, 3)
    rows, found = rows_of(tensor, tensor.clone(), noise(1, 2, 3), tensor.T.contiguous().T)
    assert found == [0, 0, 1, 0]
    assert [row.tobytes() for row in rows.digests] == [digest(tensor), digest(noise(1, 2, 3))]
    assert rows.norms.tolist() == pytest.approx([np.linalg.norm(tensor), np.linalg.norm(noise(1, 2, 3))])
    assert rows.sketches.shape == (2, 32)


def test_another_dtype_or_shape_is_another_row() -> None:
    ones = torch.ones(4, dtype=torch.int32)
    _, found = rows_of(ones, ones.view(torch.float32), ones.reshape(2, 2), ones)
    assert found == [0, 1, 2, 0]


def test_an_empty_ledger_and_empty_tensors_are_fine(tmp_path: Path) -> None:
    rows, _ = rows_of()
    assert (rows.digests.shape, rows.norms.shape, rows.sketches.shape) == ((0, 16), (0,), (0, 32))
    rows, found = rows_of(torch.zeros(0), torch.zeros(2, 0), torch.zeros(0), keep=True, spool=tmp_path / "s")
    assert found == [0, 1, 0]
    assert rows.norms.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor([1 + 2j, 3 - 4j]).conj(),
        torch.tensor([1 + 2j, 3 - 4j]).conj().imag,
        torch.eye(3).to_sparse(),
        torch.ones(3, requires_grad=True) * 2,
        torch.ones(1).expand(5),
    ],
    ids=["conjugated", "negated", "sparse", "with gradient", "expanded"],
)
def test_a_view_of_any_kind_counts_as_its_values(tensor: torch.Tensor) -> None:
    plain = tensor.detach()
    plain = plain.to_dense() if plain.is_sparse else plain
    rows, _ = rows_of(tensor)
    assert rows.digests[0].tobytes() == digest(torch.tensor(plain.tolist(), dtype=plain.dtype))


def test_a_tensor_made_in_inference_mode_counts_as_any_other() -> None:
    ledger = Ledger(None)
    with torch.inference_mode():
        tensor = torch.ones(3)
        first = ledger.add(tensor, keep=False)
        tensor += 1
        second = ledger.add(tensor, keep=False)
    assert ledger.finish().of_ticket[[first, second]].tolist() == [0, 1]


# The same tensor again


def test_what_was_changed_in_place_between_two_looks_has_two_rows() -> None:
    tensor = torch.zeros(4)
    ledger = Ledger(None)
    before = ledger.add(tensor, keep=False)
    again = ledger.add(tensor, keep=False)
    tensor[2:].add_(1)  # through a view
    after = ledger.add(tensor, keep=False)
    rows = ledger.finish()
    assert before == again
    assert rows.of_ticket[[before, after]].tolist() == [0, 1]
    assert rows.norms.tolist() == pytest.approx([0.0, 2**0.5])


def test_the_row_is_what_the_tensor_held_when_it_was_added() -> None:
    tensor = torch.full((3,), 2.0)
    ledger = Ledger(None)
    ledger.add(tensor, keep=False)
    tensor.zero_()
    assert ledger.finish().norms.tolist() == pytest.approx([12**0.5])


def test_a_new_tensor_at_the_place_of_an_old_one_is_not_taken_for_it() -> None:
    ledger = Ledger(None)
    tickets = [ledger.add(torch.full((3,), float(number)), keep=False) for number in range(50)]
    assert ledger.finish().of_ticket[tickets].tolist() == list(range(50))


def test_a_tensor_seen_before_is_kept_when_it_is_wanted_later(tmp_path: Path) -> None:
    tensor = noise(0, 5)
    ledger = Ledger(tmp_path / "spool")
    tickets = [ledger.add(tensor, keep=keep) for keep in (False, True, False)]
    rows = ledger.finish()
    assert rows.of_ticket[tickets].tolist() == [0, 0, 0]
    assert rows.places.tolist() == [0]
    assert kept(rows, 0) == tensor.numpy().tobytes()


def test_slots_tell_dtype_and_shape() -> None:
    ledger = Ledger(None)
    tickets = [
        ledger.add(tensor, keep=False)
        for tensor in (torch.zeros(2, 3), torch.zeros((), dtype=torch.bfloat16), torch.zeros(2, 3) + 1)
    ]
    assert [ledger.slot(ticket) for ticket in tickets] == [
        Slot("", "float32", (2, 3)),
        Slot("", "bfloat16", ()),
        Slot("", "float32", (2, 3)),
    ]


# Kept bytes


def test_kept_bytes_are_those_of_the_tensors_each_once(tmp_path: Path) -> None:
    tensors = [
        noise(0, 3, 4),
        noise(1, 3, 4),
        noise(0, 3, 4),
        torch.tensor([True, False]),
        noise(2, 5).to(torch.bfloat16),
        torch.tensor(7),
        torch.complex(noise(3, 2), noise(4, 2)),
        noise(5, 6, 2).T,
    ]
    rows, found = rows_of(*tensors, keep=True, spool=tmp_path / "new" / "spool")
    content = (tmp_path / "new" / "spool").read_bytes()
    for tensor, row in zip(tensors, found, strict=True):
        raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        place = int(rows.places[row])
        assert content[place : place + len(raw)] == raw
    assert len(content) == 48 + 48 + 2 + 10 + 8 + 16 + 48
    assert rows.spooled is not None
    assert (rows.spooled.size, rows.spooled.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_what_is_not_to_be_kept_has_no_place(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "spool")
    wanted, unwanted = ledger.add(noise(0, 4), keep=True), ledger.add(noise(1, 4), keep=False)
    rows = ledger.finish()
    assert rows.places[rows.of_ticket[[wanted, unwanted]]].tolist() == [0, -1]
    assert rows_of(noise(0, 4), keep=True)[0].places.tolist() == [-1]
    assert rows_of(noise(0, 4), keep=True)[0].spooled is None


def test_no_more_than_32_mib_wait_in_memory_and_nothing_is_held_afterwards(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    ledger, waiting = Ledger(spool), []
    for number in range(24):
        tensor = torch.full((4 * MIB,), number, dtype=torch.uint8)
        ledger.add(tensor, keep=True)
        waiting.append((number + 1) * 4 * MIB - spool.stat().st_size)
    assert max(waiting) <= 32 * MIB
    assert min(waiting) < 8 * MIB
    assert ledger.finish().spooled.size == 96 * MIB  # type: ignore[union-attr]


def test_the_ledger_keeps_no_tensor_alive() -> None:
    ledger = Ledger(None)
    tensor = torch.ones(3)
    ledger.add(tensor, keep=False)
    held = weakref.ref(tensor)
    del tensor
    gc.collect()
    assert held() is None


# A disk that refuses


def test_a_spool_that_cannot_be_written_names_the_file_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(
        StoreError, match=r"file/spool: the trace cannot be written \(Not a directory\); free"
    ):
        Ledger(tmp_path / "file" / "spool")
    with pytest.raises(
        StoreError, match=r"^/dev/full: the trace cannot be written \(No space left on device\);"
    ):
        rows_of(noise(0, 2**16), keep=True, spool=Path("/dev/full"))


def test_a_full_disk_does_not_hide_why_a_run_ended() -> None:
    ledger = Ledger(Path("/dev/full"))
    ledger.add(noise(0, 2), keep=True)
    ledger.abandon()  # raises nothing of its own
