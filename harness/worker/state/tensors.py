"""Find out which of many tensors were changed, replaced in place, or moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch

from harness.worker.state import bits
from harness.worker.state.holdings import Change

_LOOKS: Sequence[Callable[[torch.Tensor], object]] = (
    torch.Tensor.stride,
    *map(attrgetter, ("shape", "dtype", "requires_grad", "_grad")),
)
_PLACES: Sequence[Callable[[torch.Tensor], object]] = (torch.Tensor.data_ptr, attrgetter("_version"))

Columns = list[list[Any]]
"""A list for each checked property, with an item for each tensor."""


@dataclass(slots=True)
class _Stored:
    """A storage and its content; `first` is the number of the first tensor in it.

    `sample` is used only on the CPU: elsewhere it would keep the memory from being freed.
    """

    first: int
    form: bits.Form
    digest: bytes
    sample: torch.Tensor | None


class Tensors:
    """Tensors by the place that holds them, and their former state.

    Parallel lists, since a network has hundreds of tensors: comparing untouched ones runs at the speed of C.
    """

    def __init__(self, found: Sequence[tuple[str, torch.Tensor]]) -> None:
        self._where = [where for where, _ in found]
        self._tensors = [tensor for _, tensor in found]
        self._looks, self._places = self._now(_LOOKS), self._now(_PLACES)
        self._stored_of = _stored(self._tensors)
        self._stored = list({id(one): one for one in self._stored_of if one}.values())
        self._samples = self._samples_now()

    def changes(self, *, thorough: bool) -> Iterator[Change]:
        """The tensors whose content or kind of place has changed.

        A tensor that was written to or moved, but has the same bits again, is accepted in its new state. torch does
        not count some writes (through `.data`, as when LoRA weights are fused, or numpy). Samples find them if they
        change a whole tensor; with `thorough`, they are always found, and so are in-place replacements.
        """
        different = _unlike(self._now(_LOOKS), self._looks) if thorough else set[int]()
        places = self._now(_PLACES)
        touched = _unlike(places, self._places)
        if thorough or touched or not self._unwritten():
            firsts = {stored.first for stored in self._stored}
            different |= {number for number in (firsts | touched) - different if not self._equal(number)}
        if touched and not different:
            self._take(places)
        for number in sorted(different):
            yield Change(self._where[number], False)

    def _unwritten(self) -> bool:
        now = self._samples_now()
        return all(torch.equal(one, other) for one, other in zip(now, self._samples, strict=True))

    def _equal(self, number: int) -> bool:
        stored, storage = self._stored_of[number], self._tensors[number].untyped_storage()
        return (
            stored is not None and bits.form(storage) == stored.form and bits.digest(storage) == stored.digest
        )

    def _take(self, places: list[Any]) -> None:
        """Accept the current state of the tensors."""
        for stored in self._stored:
            stored.sample = _sample_here(self._tensors[stored.first].untyped_storage())
        self._places, self._samples = places, self._samples_now()

    def _now(self, looks: Sequence[Callable[[torch.Tensor], object]]) -> Columns:
        try:
            return [list(map(look, self._tensors)) for look in looks]
        except RuntimeError:  # one has no own memory, no strides, or was made in inference mode
            return [[_if_it_has(look, tensor) for tensor in self._tensors] for look in looks]

    def _samples_now(self) -> list[torch.Tensor]:
        """The samples of all storages, one uint8 tensor per device."""
        by_device: dict[torch.device, list[torch.Tensor]] = {}
        for stored in self._stored:
            sample = stored.sample
            if sample is None:
                sample = bits.sample(self._tensors[stored.first].untyped_storage())
            by_device.setdefault(stored.form[0], []).append(sample)
        return [torch.cat(samples) for samples in by_device.values()]


def _stored(tensors: Sequence[torch.Tensor]) -> list[_Stored | None]:
    """The storage of each tensor, shared ones only once; None if it cannot be read."""
    known: dict[int, _Stored] = {}
    found: list[_Stored | None] = []
    for number, tensor in enumerate(tensors):
        if tensor.device.type == "meta" or _address(tensor) == 0:
            found.append(None)
            continue
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            known[storage.data_ptr()] = _Stored(
                number, bits.form(storage), bits.digest(storage), _sample_here(storage)
            )
        found.append(known[storage.data_ptr()])
    return found


def _sample_here(storage: torch.UntypedStorage) -> torch.Tensor | None:
    return bits.sample(storage) if storage.device.type == "cpu" else None


def _unlike(now: Columns, before: Columns) -> set[int]:
    """The numbers of the tensors that look different."""
    return {
        number
        for column, known in zip(now, before, strict=True)
        if not _equal_lists(column, known)
        for number, (one, other) in enumerate(zip(column, known, strict=True))
        if one is not other and not (_comparable(one) and _comparable(other) and one == other)
    }


def _equal_lists(one: list[Any], other: list[Any]) -> bool:
    try:
        return one == other
    except RuntimeError:  # gradients cannot be compared as wholes
        return False


def _comparable(value: object) -> bool:
    return not isinstance(value, torch.Tensor)


def _if_it_has(look: Callable[[torch.Tensor], object], tensor: torch.Tensor) -> object:
    try:
        return look(tensor)
    except RuntimeError:
        return None


def _address(tensor: torch.Tensor) -> int:
    try:
        return tensor.data_ptr()
    except RuntimeError:
        return 0
