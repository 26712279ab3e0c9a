"""The message about a document whose schema version this harness does not read."""

from __future__ import annotations


def other_schema(found: int, known: int, if_older: str, *, word: str = "schema") -> str:
    """Why a document of version `found` is not read although `known` is, and what to do; `if_older` is the step for
    an older one.
    """
    told = f"has {word} {found}, but this harness reads {known}"
    if found > known:
        return f"{told}; a newer harness wrote it: upgrade the harness"
    return f"{told}; an older harness wrote it: {if_older}"
