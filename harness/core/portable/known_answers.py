"""The known-answer test: the answers that a portable machine must give for a set of builds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from harness.core.environment import Environment, Software

TABLE_VERSION = 2
"""Changes with the operations, their names and their inputs: answers of different versions cannot be compared."""

RECORD = "known_answers.json"
"""The package's file of answers, which `python -m harness.worker.portable --store` writes."""

_LIBRARIES = ("torch", "numpy")

_OPTIONAL = "scipy"
"""An optional library; the operations whose names begin with this word belong to it."""


def builds(software: Software) -> Mapping[str, str]:
    """What decides the answers of a portable machine, by name: the libraries' versions and the table's."""
    packages = {name: software.packages.get(name, "none") for name in (*_LIBRARIES, _OPTIONAL)}
    return {"table": str(TABLE_VERSION), "libc": software.libc or "unknown", **packages}


def on_record(software: Software) -> Mapping[str, str]:
    """The digest of each operation's result for exactly these builds, by name; empty if there are none."""
    ours = builds(software)
    for entry in _record():
        theirs, answers = entry["builds"], entry["answers"]
        if all(theirs[name] == value for name, value in ours.items() if name != _OPTIONAL):
            alike = theirs[_OPTIONAL] == ours[_OPTIONAL]
            return {name: one for name, one in answers.items() if alike or not name.startswith(_OPTIONAL)}
    return {}


@dataclass(frozen=True, slots=True)
class Answer:
    """One operation of the table: the digests of its result as computed here, as on record, and as in a golden.

    None if missing: the builds are not on record, or this side lacks the operation.
    """

    operation: str
    kind: str
    computed: str | None
    on_record: str | None
    golden: str | None = None

    @property
    def differs(self) -> bool:
        """Whether the result computed here differs from the one on record or in the golden."""
        expected = {one for one in (self.on_record, self.golden) if one is not None}
        return self.computed is not None and not expected <= {self.computed}

    @property
    def matches(self) -> bool | None:
        """Whether it equals the one on record and in the golden; None if there is nothing to compare."""
        if self.computed is None or (self.on_record is None and self.golden is None):
            return None
        return not self.differs


@dataclass(frozen=True, slots=True)
class Proof:
    """The known-answer test of one machine, and whether its runs are portable; else the `reason`.

    `remembered` says that the answers come from an earlier start. `golden` is the file that they are
    also compared with; `golden_reason` says why that golden's run was not portable, "" if it was.
    """

    portable: bool
    reason: str
    cpu: str
    builds: Mapping[str, str]
    remembered: bool
    answers: tuple[Answer, ...]
    golden: str | None = None
    golden_reason: str = ""

    @property
    def differing(self) -> tuple[Answer, ...]:
        """The answers that differ from those on record or in the golden."""
        return tuple(answer for answer in self.answers if answer.differs)

    @property
    def holds(self) -> bool:
        """Whether this machine is portable and, if a golden is given, its CPU allows judging it bit for bit."""
        return self.portable and not self.golden_reason and not self.differing


def answers_of(here: Environment, golden: Environment | None = None) -> tuple[Answer, ...]:
    """Every operation that `here` computed or that is in the golden, with the answer on record."""
    expected = on_record(here.software)
    theirs = golden.known_answers if golden else {}
    names = dict.fromkeys([*here.known_answers, *(theirs if here.known_answers else ())])
    return tuple(
        Answer(name, kind_of(name), here.known_answers.get(name), expected.get(name), theirs.get(name))
        for name in names
    )


def kind_of(operation: str) -> str:
    """The library that computes an operation of the table and, for torch, the dtype: `torch bfloat16`, `numpy`."""
    words = operation.split()
    first, last = words[0], words[-1]
    if first in _KINDS:
        return _KINDS[first]
    return f"torch {last}" if last.startswith(_DTYPES) else "torch, other"


_KINDS = {"numpy": "numpy", "scipy": "scipy", "math": "C library"}
"""The library, by the first word of an operation's name."""

_DTYPES = ("float", "bfloat", "complex")


@cache
def _record() -> list[dict[str, dict[str, str]]]:
    text = resources.files(__package__).joinpath(RECORD).read_text(encoding="utf-8")
    return list(json.loads(text))
