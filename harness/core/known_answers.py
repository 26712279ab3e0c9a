"""The known-answer test in words: which answers a portable machine has to give for a set of builds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

from harness.core.environment import Software

TABLE_VERSION = 1
"""Changes with the operations, their names and their inputs: answers of two versions cannot be compared."""

RECORD = "known_answers.json"
"""The package's file of answers, which `python -m harness.worker.portable --store` writes."""

_LIBRARIES = ("torch", "numpy")

_OPTIONAL = "scipy"
"""A library that is not always there: the operations whose names begin with it are its own."""


def builds(software: Software) -> Mapping[str, str]:
    """What decides the answers of a portable machine, by name: the libraries' versions and the table's."""
    packages = {name: software.packages.get(name, "none") for name in (*_LIBRARIES, _OPTIONAL)}
    return {"table": str(TABLE_VERSION), "libc": software.libc or "unknown", **packages}


def on_record(software: Software) -> Mapping[str, str]:
    """The digest of each operation's result for exactly these builds, by name; empty where there is none."""
    ours = builds(software)
    for entry in _record():
        theirs, answers = entry["builds"], entry["answers"]
        if all(theirs[name] == value for name, value in ours.items() if name != _OPTIONAL):
            alike = theirs[_OPTIONAL] == ours[_OPTIONAL]
            return {name: one for name, one in answers.items() if alike or not name.startswith(_OPTIONAL)}
    return {}


@cache
def _record() -> list[dict[str, dict[str, str]]]:
    text = resources.files(__package__).joinpath(RECORD).read_text(encoding="utf-8")
    return list(json.loads(text))
