"""The table of operations whose bits a machine has to get right before it is called portable."""

from __future__ import annotations

from collections.abc import Iterator

from harness.worker.portable.operations import algebra, layers, others, pointwise
from harness.worker.portable.operations.operation import Operation


def operations() -> Iterator[tuple[str, Operation]]:
    """Every operation by its name in the table; calling it computes it anew."""
    for part in (pointwise, algebra, layers, others):
        yield from part.operations()
