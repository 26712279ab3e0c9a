"""What a golden was recorded with: its packages, and what besides them may be the cause of a difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.utils import canonicalize_name

from harness.core.capture import CaptureDocument
from harness.core.environment import Change
from harness.upgrade.lock import DISTRIBUTION

_DECIDED = ("definition.", "filled_in.", "model.", "weights.", "files.")
"""What the project itself decides: where one of these moved, nothing else needs to be named."""

_SURROUNDINGS = (
    "platform", "hardware.", "switches.", "software.python", "software.libc", "software.cuda", "software.cudnn",
    "software.driver",
)  # fmt: skip

_STARTS = "switches.variables.PYTHONHASHSEED"
"""Differs between two runs of a search on purpose."""


def own_changes(changes: Sequence[Change], *, held: bool = False) -> tuple[Change, ...]:
    """Those of `changes`, as `explain` lists them, that are no package's: what the project decides, else the rest.

    With `held` only what the project decides: torch has moved too, and brings CUDA libraries and switches of its own.
    """
    decided = tuple(one for one in changes if one.what.startswith(_DECIDED))
    if held:
        return decided
    around = tuple(one for one in changes if one.what.startswith(_SURROUNDINGS) and one.what != _STARTS)
    return decided or around


def recorded_versions(golden: CaptureDocument) -> Mapping[str, str]:
    """The version of each package that the golden's run had imported, without the harness itself."""
    software = golden.environment.software
    found = {**software.imported, **software.packages}
    return {
        canonicalize_name(name): text
        for name, text in found.items()
        if canonicalize_name(name) != DISTRIBUTION
    }
