"""The table of operations whose bits a portable machine must get right."""

from __future__ import annotations

from collections.abc import Iterator

from harness.worker.portable.operations import algebra, layers, others, pointwise
from harness.worker.portable.operations.operation import Operation


def operations() -> Iterator[tuple[str, Operation]]:
    """Every operation by its name in the table; each call computes it again."""
    for part in (pointwise, algebra, layers, others):
        yield from part.operations()
