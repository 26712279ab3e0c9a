"""Limits that cannot fail for what a call returns, as far as its arguments tell (see `harness.verify.limits`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.config.wording import joined, shown
from harness.errors import Problem

Values = Mapping[str, object]

_LEVELS = 255
"""The largest difference of two 8-bit images."""

_ABSOLUTE = ("max_abs", "mean_abs", "max_ulp")


def problems(values: Values) -> Iterator[Problem]:
    """What is wrong with the limits of a case that asks for 8-bit images (`output_type: pil`)."""
    call = values.get("call")
    if not (isinstance(call, Mapping) and call.get("output_type") == "pil"):
        return
    for key in ("tolerance", "invariants"):
        rules = values.get(key)
        for name, limits in rules.items() if isinstance(rules, Mapping) else ():
            if isinstance(limits, Mapping):
                yield from _of_images(joined(key, str(name)), limits)


def _of_images(key: str, limits: Values) -> Iterator[Problem]:
    for metric in _ABSOLUTE:
        limit = limits.get(metric)
        if isinstance(limit, int | float) and not isinstance(limit, bool) and limit >= _LEVELS:
            why = f"cannot fail: `output_type: pil` gives 8-bit images; expected a number below {_LEVELS}"
            yield Problem("", joined(key, metric), shown(limit), why)
