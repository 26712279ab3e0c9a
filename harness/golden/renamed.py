"""Goldens whose case is gone, but whose definition is that of a case without a golden: it was probably renamed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from harness.core.case import Case
from harness.errors import UnreadableGolden
from harness.golden.header import read_document
from harness.golden.obsolete import Stored


def renamed(
    files: Collection[Stored], ids: Collection[str], cases: Collection[Case], unknown: Collection[str] = ()
) -> Mapping[str, str]:
    """The old id of each of `cases` that was probably renamed, by its new id.

    `files` are those of the store, `ids` every id that a config gives, `unknown` the configs that have problems and may
    give any entry of their matrix. Each golden is offered to one case at most.
    """
    with_golden = {one.case for one in files if one.kind is None}
    missing = [case for case in cases if case.id not in with_golden]
    gone = sorted(one for one in with_golden if one not in ids and one.partition("@")[0] not in unknown)
    if not missing or not gone:
        return {}
    paths = {one.case: one.path for one in files if one.kind is None}
    free = [(case, digest) for case in gone if (digest := _digest(paths[case]))]
    found = dict[str, str]()
    for case in missing:
        digest = case.digest()
        match = next((old for old, theirs in free if theirs == digest and old not in found.values()), None)
        if match:
            found[case.id] = match
    return found


def _digest(path: Path) -> str:
    try:
        return read_document(path).digest
    except UnreadableGolden:
        return ""
