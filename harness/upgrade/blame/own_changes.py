"""What besides packages differs between a golden and a run, and may therefore be the cause."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.environment import Change

_DECIDED = ("definition.", "filled_in.", "model.", "weights.", "files.")
"""What the project itself decides: where one of these moved, nothing else needs to be named."""

_SURROUNDINGS = (
    "platform", "hardware.", "switches.", "software.python", "software.libc", "software.cuda", "software.cudnn",
    "software.driver",
)  # fmt: skip

_STARTS = "switches.variables.PYTHONHASHSEED"
"""Differs between two runs of a search on purpose."""


def own_changes(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Those of `changes`, as `explain` lists them, that are no package's: what the project decides, else the rest."""
    decided = tuple(one for one in changes if one.what.startswith(_DECIDED))
    around = tuple(one for one in changes if one.what.startswith(_SURROUNDINGS) and one.what != _STARTS)
    return decided or around
