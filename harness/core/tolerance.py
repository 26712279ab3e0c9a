"""Metrics, relations, and the limits that a case allows for each relation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


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
class Numbers:
    """How far apart two finite numbers of a dtype can be, as a difference and in units in the last place.

    `whole` tells integers and booleans, whose largest difference is also the peak of psnr.
    """

    span: float
    ulps: float
    whole: bool = False


FLOAT32 = Numbers(span=2 * 3.4028234663852886e38, ulps=2 * 0x7F7FFFFF)

Extreme = Callable[[Numbers], float | None]
"""The worst value of a metric between two tensors of such numbers; None where there is no worst one."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: what it means, which way it is limited, and from which limit on it cannot fail.

    A limit is the largest value allowed, or with `at_least` the smallest. One of `extreme` cannot fail. A
    config must stay on this side of `refused`, for the reason `why`; by default that is the extreme of float32.
    """

    meaning: str
    why: str
    extreme: Extreme
    refused: float | None = None
    at_least: bool = False

    @property
    def bound(self) -> float:
        """The limit that a config may not reach; raises ValueError for a metric that has neither."""
        bound = self.extreme(FLOAT32) if self.refused is None else self.refused
        if bound is None:
            raise ValueError(f"{self.meaning}: say from which limit on it is refused")
        return bound


def _metric(
    meaning: str, why: str, extreme: Extreme, *, refused: float | None = None, at_least: bool = False
) -> Any:
    return field(default=None, metadata={"metric": Metric(meaning, why, extreme, refused, at_least)})


@dataclass(frozen=True, slots=True)
class Limits:
    """The table of metrics, and the value allowed for each. None means not judged."""

    max_abs: float | None = _metric(
        "largest absolute difference", "no two numbers differ by more", lambda numbers: numbers.span
    )
    mean_abs: float | None = _metric(
        "mean absolute difference", "no two numbers differ by more", lambda numbers: numbers.span
    )
    rel_l2: float | None = _metric(
        "L2 norm of the difference over that of the golden",
        "larger ones let any output of the golden's order of magnitude pass",
        lambda _numbers: None,
        refused=100.0,  # a limit that only an output a hundred times as large as the golden's fails
    )
    cosine_distance: float | None = _metric(
        "1 - cosine of the angle to the golden",
        "2 is the largest possible value, that of the golden's negative",
        lambda _numbers: 2,
    )
    psnr: float | None = _metric(
        "peak signal-to-noise ratio in decibels, the smallest allowed",
        "0 dB is black against white, and every image reaches it",
        lambda numbers: 0 if numbers.whole else None,
        refused=0,
        at_least=True,
    )
    max_ulp: float | None = _metric(
        "largest difference in units in the last place",
        "no two float32 numbers are further apart",
        lambda numbers: numbers.ulps,
    )
    mismatched: float | None = _metric(
        "share of unequal elements", "at 1 every element may differ", lambda _numbers: 1
    )

    def stated(self) -> Mapping[str, float]:
        """The limits that are set, by metric name."""
        pairs = ((name, getattr(self, name)) for name in METRICS)
        return {name: value for name, value in pairs if value is not None}

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.3g}" for name, value in self.stated().items())


METRIC_TABLE: Mapping[str, Metric] = {one.name: one.metadata["metric"] for one in fields(Limits)}
"""All metrics by name, in the order of reports."""

METRICS = tuple(METRIC_TABLE)
"""Their names."""

AT_LEAST = frozenset(name for name, metric in METRIC_TABLE.items() if metric.at_least)
"""The metrics whose limit is the smallest value allowed; of all others it is the largest."""

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
