"""What a `$` form is: the JSON Schema of its argument, and the check that goes beyond it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from harness.errors import Problem

Check = Callable[[str, object], Iterator[Problem]]
"""What is wrong with a form's argument, which is at the given key."""


@dataclass(frozen=True, slots=True)
class Form:
    """One `$` form; `holds_values` says whether its argument contains values that may be forms themselves."""

    schema: Callable[[], Mapping[str, object]]
    check: Check
    holds_values: bool = False
