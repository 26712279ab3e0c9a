"""What to say of a document in another version of its form than this harness reads."""

from __future__ import annotations


def other_schema(found: int, known: int, if_older: str, *, word: str = "schema") -> str:
    """Why a document of version `found` is not read where `known` is, and what to do; `if_older` is that for an
    older one.
    """
    told = f"has {word} {found}, this harness reads {known}"
    if found > known:
        return f"{told}; a newer harness wrote it: upgrade the harness"
    return f"{told}; an older harness wrote it: {if_older}"
