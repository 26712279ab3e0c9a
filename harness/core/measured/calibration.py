"""A calibration: the legitimate noise of a case, the limits that follow from it, and the evidence for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from harness.core.environment import Environment
from harness.core.results.next_step import NextSteps
from harness.core.results.reasons import Reasons
from harness.core.tolerance import Limits, Relation

CALIBRATION_SCHEMA = 1
"""The version of a calibration's file."""


class Effect(StrEnum):
    """What a benign variation did; it counts as evidence only if it moved at least one bit."""

    COUNTED = "counted"
    NONE = "no effect"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class OutputNoise:
    """One output of a varied run against the unvaried one: every metric, None if undefined."""

    output: str
    metrics: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Growth:
    """How an error grew: the rel_l2 of the outputs of one event, call by call; None if undefined."""

    event: str
    curve: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class VariedRun:
    """One run of the case with one benign variation of `family`.

    `boundaries` gives for each event the largest rel_l2 of its calls under forced replay, as
    `harness.judge.traces.boundaries` names and measures them; empty if the variation was not replayed.
    """

    family: str
    name: str
    effect: Effect
    reason: str = ""
    outputs: tuple[OutputNoise, ...] = ()
    boundaries: Mapping[str, float] = field(default_factory=dict)
    growth: tuple[Growth, ...] = ()


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """The limits that follow from the noise of one output.

    `envelope` is the largest value of each judged metric over all counted runs, `floor` the lower bound of
    a limit.
    """

    output: str
    envelope: Mapping[str, float]
    floor: Mapping[str, float]
    same_hardware: Limits
    cross_hardware: Limits

    def for_relation(self, relation: Relation) -> Limits:
        """The limits of a relation; `same` is judged bit for bit and has none."""
        return self.cross_hardware if relation is Relation.CROSS_HARDWARE else self.same_hardware


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One family left out: would the limits from only the other families have passed it?

    `runs` were judged, `false_alarms` of them exceed the limit of an output, `boundary_alarms` that of a
    boundary. `ratio` is the family's largest value over the envelope of the others, the worst of all outputs
    and judged metrics, with max_abs scaled by the ratio of the factors; None if it is infinite.
    """

    family: str
    runs: int
    false_alarms: int
    boundary_alarms: int
    ratio: float | None


@dataclass(frozen=True, slots=True)
class Weakness:
    """A weakness of the case itself, and what to change."""

    name: str
    found: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name}: {self.found}; {self.advice}"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Limits for one case on one platform, with their evidence.

    `golden` is the digest of the outputs of its golden. `factor` and `cross_factor` are what
    the envelope was multiplied by; for max_abs it is `max_abs_factor` (None: as the others), with `cross_factor`
    scaled in proportion. `boundaries` gives the limit of each event under forced replay,
    `boundary_envelope` what was measured. `amplification` is the largest error at the end over the largest
    error of one call; None without forced replay.
    """

    schema: int
    case: str
    platform: str
    golden: str
    at: str
    harness_version: str
    environment: Environment
    factor: float
    cross_factor: float
    outputs: tuple[OutputLimits, ...]
    boundaries: Mapping[str, float]
    boundary_envelope: Mapping[str, float]
    amplification: float | None
    growth: tuple[Growth, ...]
    left_out: tuple[LeftOut, ...]
    gates: tuple[Weakness, ...]
    runs: tuple[VariedRun, ...]
    max_abs_factor: float | None = None

    def limits(self, relation: Relation) -> Mapping[str, Limits]:
        """The limits of every output, by its name."""
        return {one.output: one.for_relation(relation) for one in self.outputs}

    @property
    def false_alarms(self) -> int:
        """The number of runs that the limits of the other families would have refused."""
        return sum(one.false_alarms + one.boundary_alarms for one in self.left_out)


class CalibrationState(StrEnum):
    """The outcome of calibrating one case."""

    CALIBRATED = "calibrated"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Unused:
    """Measured limits that the config `file` does not ask for, under these relations.

    `yaml` is what to write there; it replaces the existing `tolerance` if `replaces`. It is "" if the
    matrix of the file sets the tolerance.
    """

    file: str
    relations: tuple[Relation, ...]
    yaml: str
    replaces: bool


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """The outcome of calibrating one case; `path` is the calibration's file.

    `unused` is None if the config uses the measured limits.
    """

    case: str
    state: CalibrationState
    reasons: Reasons
    seconds: float
    path: str | None = None
    calibration: Calibration | None = None
    next_steps: NextSteps = ()
    log: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unused: Unused | None = None


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """All calibrations of one invocation."""

    environment: Environment | None
    cases: tuple[CalibrationResult, ...]

    def summary(self) -> Mapping[CalibrationState, int]:
        """The number of cases per state that occurred, in the order of `CalibrationState`."""
        found = [case.state for case in self.cases]
        return {state: found.count(state) for state in CalibrationState if state in found}

    def exit_code(self) -> int:
        """0 all calibrated or skipped, 3 at least one `error`."""
        return 3 if CalibrationState.ERROR in {case.state for case in self.cases} else 0
