"""The tags that a config states, also one that is too broken to become a case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from harness.config.files import kind_of, resolved
from harness.config.yaml_text import MAX_BYTES

_STATED = re.compile(r"""\btags["']?[ \t]*:[ \t]*(\[[^\]]*|[^\n]*(?:\n[ \t]*-[^\n]*)*)""")
_COMMENT = re.compile(r"(^|\s)#[^\n]*")
_WORD = re.compile(r"[a-z0-9-]*[a-z0-9][a-z0-9-]*")


def tags_of(values: Mapping[str, object]) -> tuple[str, ...] | None:
    """The tags in the keys of a config, none where it states none; None where they are no list of names."""
    stated = values.get("tags", [])
    if not isinstance(stated, list) or not all(isinstance(tag, str) for tag in stated):
        return None
    return tuple(stated)


def tags_in_text(path: Path) -> tuple[str, ...] | None:
    """What may be a tag in a file that is no YAML: the words after each `tags:`; None where it cannot be read.

    Rather a word too many than a tag too few: a config that a selection may mean is not passed over.
    """
    if kind_of(resolved(path)) != "file":
        return None
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    stated = _STATED.findall(_COMMENT.sub("", text))
    return tuple(dict.fromkeys(word for part in stated for word in _WORD.findall(part)))
