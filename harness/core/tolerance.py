"""Metrics, relations, and the limits that a case allows for each relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum


class Relation(StrEnum):
    """How the golden's environment and the current one differ."""

    SAME = "same"
    SAME_HARDWARE = "same-hardware"
    CROSS_HARDWARE = "cross-hardware"


class Rule(StrEnum):
    """A tolerance that states no limits; CALIBRATED uses those of the golden's calibration."""

    EXACT = "exact"
    REFUSE = "refuse"
    CALIBRATED = "calibrated"


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest value allowed for each metric; for `psnr`, in decibels, the smallest. None means not judged."""

    max_abs: float | None = None
    mean_abs: float | None = None
    rel_l2: float | None = None
    cosine_distance: float | None = None
    psnr: float | None = None
    max_ulp: float | None = None
    mismatched: float | None = None

    def stated(self) -> Mapping[str, float]:
        """The limits that are set, by metric name."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in pairs if value is not None}

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.3g}" for name, value in self.stated().items())


METRICS: tuple[str, ...] = tuple(field.name for field in fields(Limits))
"""The names of all metrics, in the order of reports."""

AT_LEAST = frozenset({"psnr"})
"""The metrics whose limit is the smallest allowed value; the limit of all others is the largest."""

Allowance = Limits | Rule
"""What one relation allows: limits, `exact`, `refuse` or `calibrated`."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a case allows, per relation.

    The defaults come from float32 pipelines on CPUs: noise between environments (threads, instruction sets,
    versions) stays below a rel_l2 of about 2e-5 at the output; behaviour changes of past releases start at 2e-4.
    """

    same: Allowance = Rule.EXACT
    same_hardware: Allowance = Limits(max_abs=1e-4, rel_l2=1e-5)
    cross_hardware: Allowance = Limits(max_abs=2e-3, rel_l2=1e-4)

    def for_relation(self, relation: Relation) -> Allowance:
        """The allowance that judges under `relation`."""
        match relation:
            case Relation.SAME:
                return self.same
            case Relation.SAME_HARDWARE:
                return self.same_hardware
            case Relation.CROSS_HARDWARE:
                return self.cross_hardware


CALIBRATED = Tolerance(Rule.EXACT, Rule.CALIBRATED, Rule.CALIBRATED)
"""What `tolerance: calibrated` means."""
