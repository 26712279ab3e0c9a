"""Whether a case uses the limits measured for it, and what its config must contain to do so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from harness.config.yaml import reader
from harness.core.case import Case
from harness.core.measured.calibration import Unused
from harness.core.tolerance import CALIBRATED, Allowance, Limits, Relation, Rule, Tolerance

_KEY = "tolerance"
_USED = (Rule.CALIBRATED, Rule.REFUSE)
"""What needs no advice: a case that refuses a platform wants a golden there, not limits."""


def unused(case: Case) -> Unused | None:
    """What the config of `case` leaves unused of a calibration; None if it uses everything, or refuses the rest."""
    judged = (Relation.SAME_HARDWARE, Relation.CROSS_HARDWARE)
    relations = tuple(one for one in judged if case.tolerance.for_relation(one) not in _USED)
    if not relations:
        return None
    stated = reader.read(Path(case.source), case.source).values or {}
    matrix = stated.get("matrix")
    axes = matrix if isinstance(matrix, Mapping) else {}
    by_matrix = any(axis.partition(".")[0] == _KEY for axis in axes)
    return Unused(case.source, relations, "" if by_matrix else _yaml(case.tolerance), _KEY in stated)


def _yaml(tolerance: Tolerance) -> str:
    """The `tolerance` that uses the measured limits, and keeps what is refused or stated for `same`."""
    wanted = replace(
        tolerance,
        same_hardware=_calibrated(tolerance.same_hardware),
        cross_hardware=_calibrated(tolerance.cross_hardware),
    )
    if wanted == CALIBRATED:
        return f"{_KEY}: {Rule.CALIBRATED}"
    return "\n".join([f"{_KEY}:", *(f"  {line}" for line in _lines(wanted))])


def _calibrated(allowance: Allowance) -> Allowance:
    return allowance if allowance is Rule.REFUSE else Rule.CALIBRATED


def _lines(tolerance: Tolerance) -> Iterator[str]:
    for relation in Relation:
        allowance = tolerance.for_relation(relation)
        if isinstance(allowance, Limits):
            limits = yaml.safe_dump(
                dict(allowance.stated()), sort_keys=False, default_flow_style=True, width=1000
            )
            yield f"{relation}: {limits.rstrip()}"
        elif (relation, allowance) != (Relation.SAME, Rule.EXACT):
            yield f"{relation}: {allowance}"
