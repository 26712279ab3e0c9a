"""The histories of goldens, also of those whose case is gone."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from harness.config.load import load_files
from harness.config.select import select
from harness.core.case import Case
from harness.core.results.review import GoldenHistory
from harness.errors import HarnessError, UsageError
from harness.golden.memory.history import history_of
from harness.golden.memory.rejections import read_rejections
from harness.golden.obsolete import stored
from harness.golden.store import GoldenStore
from harness.invocation.options import Options
from harness.review.drafts import listed_drafts


@dataclass(frozen=True, slots=True)
class _Gone:
    """A case that only its goldens know."""

    id: str
    tags: tuple[str, ...] = ()


def histories(options: Options) -> tuple[GoldenHistory, ...]:
    """What the selected cases have in the store, in the order of the configs, cases that are gone last.

    Raises UsageError if the options select nothing, or nothing that has a history.
    """
    store = GoldenStore(options.goldens)
    platforms = dict[str, dict[str, None]]()
    for one in stored(options.goldens):
        platforms.setdefault(one.case, {})[one.platform] = None
    cases = [case for file in load_files(options.configs) for case in file.cases]
    known = {case.id for case in cases}
    every: list[Case | _Gone] = [*cases, *(_Gone(name) for name in platforms if name not in known)]
    chosen = select(every, options.select)
    found = tuple(_history(case.id, name, store) for case in chosen for name in platforms.get(case.id, ()))
    if not found:
        raise UsageError(f"{options.goldens}: holds nothing of these cases; `harness record` makes goldens")
    return found


def history(case: str, platform: str, store: GoldenStore) -> GoldenHistory:
    """The history of the golden of a case on a platform, in which there is one; raises HarnessError otherwise."""
    path = store.path(case, platform)
    return GoldenHistory(case, platform, path.as_posix(), history_of(store.document(path)))


def platform_of(case: str, asked: str | None, here: str, store: GoldenStore) -> str:
    """The platform whose golden is meant: the one asked for, this machine's, or the only one. Raises UsageError."""
    there = store.platforms(case)
    if asked in there or (asked is None and here in there):
        return asked or here
    if asked is None and len(there) == 1:
        return there[0]
    if not there:
        raise UsageError(f"{case}: has no golden in {store.root}; name a case that `harness log` shows")
    wrong = f"has no golden of {asked}" if asked else "has goldens of several platforms"
    raise UsageError(f"{case}: {wrong}; name one with --platform: {', '.join(there)}")


def _history(case: str, platform: str, store: GoldenStore) -> GoldenHistory:
    golden = store.path(case, platform)
    draft = next((one for one in listed_drafts(case, store) if one.platform == platform), None)
    found = GoldenHistory(case, platform, golden.as_posix(), draft=draft)
    try:
        found = replace(found, rejections=read_rejections(golden))
        if os.path.lexists(golden):
            found = replace(found, entries=history_of(store.document(golden)))
    except HarnessError as error:
        return replace(found, unusable=str(error))
    return found
