"""The wording of problems: values shortened, names listed, the nearest accepted name suggested."""

from __future__ import annotations

import json
from collections.abc import Iterable

LONGEST_VALUE = 60
LONGEST_LIST = 24
"""Longer lists of accepted names are cut; the likely intended name is suggested as well."""


def shown(value: object) -> str:
    """`value` as one line of JSON of at most 60 characters, which distinguishes text from numbers."""
    return shortened(json.dumps(value, ensure_ascii=False))


def shortened(text: str) -> str:
    """`text` on one line of at most 60 characters."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_VALUE else line[: LONGEST_VALUE - 1] + "…"


def suggestion(name: str, accepted: Iterable[str], count: int = 1) -> str:
    """`; did you mean 'x'?` for the accepted names nearest to `name`, or nothing if none is near."""
    return did_you_mean(nearest(name, accepted, count))


def did_you_mean(names: list[str]) -> str:
    """`; did you mean 'x' or 'y'?`, or nothing without names."""
    return f"; did you mean {alternatives([repr(name) for name in names])}?" if names else ""


def unknown(what: str, name: str, accepted: Iterable[str]) -> str:
    """`what`, for a `name` that is not among those `accepted`, which are suggested and listed."""
    names = list(accepted)
    hint = suggestion(name, names)
    return f"{what}{hint}{' ' if hint else '; '}accepted: {listing(names)}"


def nearest(name: str, accepted: Iterable[str], count: int = 1, cutoff: float = 0.6) -> list[str]:
    """At most `count` accepted names like `name`, whatever their letter case, the best first."""
    from difflib import get_close_matches  # needed only for a mistake

    by_lower = {one.lower(): one for one in accepted}
    return [by_lower[match] for match in get_close_matches(name.lower(), by_lower, count, cutoff)]


def listing(names: Iterable[str]) -> str:
    """The names, separated by commas; a long list is cut and counted."""
    every = list(names)
    if len(every) <= LONGEST_LIST:
        return ", ".join(every)
    return ", ".join(every[:LONGEST_LIST]) + f" and {len(every) - LONGEST_LIST} more"


def alternatives(parts: list[str]) -> str:
    """`a, b or c`."""
    return " or ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def joined(path: str, part: str | int) -> str:
    """The dotted key of `part` inside `path`: `call.prompt`, `tags[0]`."""
    if isinstance(part, int):
        return f"{path}[{part}]"
    return f"{path}.{part}" if path else part
