"""Blocks of a page that a script makes: each stands between two comments, and is replaced as a whole."""

from __future__ import annotations

import re
from pathlib import Path

START, END = "<!-- made: {} -->", "<!-- end of made -->"


def replace_block(page: Path, title: str, text: str) -> None:
    """Put `text` as a literal block between the comments of this title; exits where the page has none."""
    start, whole = START.format(title), page.read_text(encoding="utf-8")
    if start not in whole:
        raise SystemExit(f"{page}: has no {start}; add it, followed by {END}")
    block = f"{start}\n\n```text\n{text.rstrip()}\n```\n\n{END}"
    pattern = f"{re.escape(start)}.*?{re.escape(END)}"
    page.write_text(re.sub(pattern, lambda _: block, whole, count=1, flags=re.DOTALL), encoding="utf-8")
