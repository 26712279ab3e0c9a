"""The metrics between two entries of a golden's history."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness.core.results.review import GoldenHistory, HistoryDifference
from harness.errors import UsageError
from harness.golden.store import GoldenStore
from harness.review.committed import committed
from harness.trials.bitwise import compare_files


def difference(
    found: GoldenHistory, first: int | None, second: int | None, store: GoldenStore
) -> HistoryDifference:
    """How entry `second` (the latest) differs from entry `first` (the one before); entries count from 1, the oldest.

    Raises UsageError for a number that no entry has, StoreError if git does not have the golden of one.
    """
    last = len(found.entries)
    later = last if second is None else second
    earlier = later - 1 if first is None else first
    if last < 2:
        raise UsageError(f"{found.case}: its history has one entry, so there is nothing to compare")
    if wrong := [number for number in (earlier, later) if not 1 <= number <= last]:
        raise UsageError(f"{wrong[0]}: {found.case} has no such entry; name one from 1 to {last}")
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        files = [_golden(found, number, store, Path(folder, str(number))) for number in (earlier, later)]
        tensors = compare_files(*files)
    entries = (found.entries[earlier - 1], found.entries[later - 1])
    return HistoryDifference(found.case, found.platform, earlier, later, entries, tensors)


def _golden(found: GoldenHistory, number: int, store: GoldenStore, into: Path) -> Path:
    """The golden as of the entry of this number: the stored one if nothing but names changed since, else git's."""
    if all(entry.renamed is not None for entry in found.entries[number:]):
        return Path(found.golden)
    into.mkdir(exist_ok=True)
    after = next((entry.replaced for entry in found.entries[number:] if entry.replaced), None)
    names = dict.fromkeys([found.case, *(entry.renamed for entry in found.entries if entry.renamed)])
    paths = [store.path(name, found.platform) for name in names]
    return committed(paths, found.entries[number - 1], after, into)
