"""The page on reasons names every kind with all its fields."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import get_args

from harness.core.results.reasons import Reason

PAGE = Path(__file__).resolve().parents[2] / "docs/reasons.md"


def test_the_table_has_every_kind_with_its_fields() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    listed = {row[0].strip("|` "): row[1] for row in rows}
    wanted = {
        entries[-1].default: ", ".join(f"`{entry.name}`" for entry in entries[:-1])
        for entries in map(fields, get_args(Reason))
    }
    assert listed == wanted
