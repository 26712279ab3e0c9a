"""What a candidate is made of: the versions that were asked for, and everything that moved with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.environment import Change


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate that goldens were judged under.

    `asked` is what was asked for, a word each; `lock` the version of every package, by name; `moved` what differs
    from the environment that the harness runs in (None where a package is not there). `companions` are the packages
    that moved though nobody asked for it. `problem` says why nothing could run under it, "" where something could.
    """

    asked: tuple[str, ...]
    lock: Mapping[str, str] = field(default_factory=dict)
    moved: tuple[Change, ...] = ()
    companions: tuple[str, ...] = ()
    problem: str = ""
