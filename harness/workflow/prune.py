"""`harness prune`: the goldens that belong to no case, and their removal."""

from __future__ import annotations

from harness.config.load import load_cases
from harness.golden.store import GoldenStore
from harness.report.terminal import Screen
from harness.workflow.options import Options


def prune(options: Options, screen: Screen, *, delete: bool) -> int:
    """Always returns 0."""
    store = GoldenStore(options.goldens)
    unused = store.unused(load_cases(options.configs).cases)
    for path in unused:
        if delete:
            store.remove(path)
        screen.note(f"{'deleted' if delete else 'unused'}: {path}")
    if not unused:
        screen.note(f"{options.goldens}: every golden belongs to a case")
    elif not delete:
        screen.note("to delete them: harness prune --delete")
    return 0
