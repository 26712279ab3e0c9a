"""Which quantization backends the installed diffusers has, read from its text, not imported."""

from __future__ import annotations

import re
from functools import lru_cache

from harness.config.installed import diffusers_text
from harness.config.wording import listing, suggestion

_TABLE = re.compile(r"^AUTO_QUANTIZATION_CONFIG_MAPPING = \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_KEY = re.compile(r"^\s*[\"']([^\"']+)[\"']\s*:", re.MULTILINE)


def problem(name: str) -> str | None:
    """What is wrong with `name` as a backend, or None; where the backends cannot be read any name will do."""
    names = _names()
    if not names or name in names:
        return None
    hint = suggestion(name, names)
    return (
        f"the installed diffusers has no such backend{hint}{' ' if hint else '; '}accepted: {listing(names)}"
    )


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    table = _TABLE.search(diffusers_text("quantizers/auto.py") or "")
    return tuple(_KEY.findall(table[1])) if table else ()
