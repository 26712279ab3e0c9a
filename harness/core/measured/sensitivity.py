"""The results of `harness sensitivity`: which planted faults a case catches, by which channel, and by what margin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from harness.core.environment import Environment
from harness.core.results.next_step import NextSteps
from harness.core.results.reasons import Reasons
from harness.core.tolerance import Relation

SENSITIVITY_SCHEMA = 1
"""The version of a sensitivity's file."""


class Channel(StrEnum):
    """What can detect a fault: failing exact findings, boundaries under forced replay, or the outputs."""

    EXACT = "exact"
    FORCED = "forced"
    OUTPUTS = "outputs"


@dataclass(frozen=True, slots=True)
class Detection:
    """The result of one channel for a fault under the limits of one relation.

    `margin` is the largest ratio of value to limit, found at the output or boundary `at`: above 1, the fault
    was caught. None if no number decides: an exact finding, bits that must be equal, a NaN.
    """

    relation: Relation
    channel: Channel
    caught: bool
    margin: float | None
    at: str


class MutantState(StrEnum):
    """The outcome of planting one fault; only APPLIED ones count in a score.

    EQUIVALENT faults acted and changed no bit of trace or outputs; NOT_APPLICABLE ones found no place, or
    were never triggered; an ERROR is a run that reached no judgement.
    """

    APPLIED = "applied"
    EQUIVALENT = "equivalent"
    NOT_APPLICABLE = "not applicable"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class MutantResult:
    """One fault at one strength (None if it has none): how often it acted, and what the channels detected."""

    fault: str
    strength: float | None
    state: MutantState
    reason: str = ""
    acted: int = 0
    sightings: tuple[Detection, ...] = ()

    def seen_by(self, relation: Relation) -> tuple[Channel, ...]:
        """The channels that caught it under a relation."""
        return tuple(one.channel for one in self.sightings if one.caught and one.relation is relation)

    def nearest(self, relation: Relation) -> Detection | None:
        """The detection with the largest margin, among those that have one."""
        measured = [one for one in self.sightings if one.relation is relation and one.margin is not None]
        return max(measured, key=lambda one: one.margin or 0.0, default=None)


@dataclass(frozen=True, slots=True)
class Score:
    """How many applied faults were caught under one relation; `share` is None if none applied."""

    relation: Relation
    caught: int
    applied: int
    share: float | None
    by_channel: Mapping[Channel, int]


@dataclass(frozen=True, slots=True)
class Smallest:
    """The smallest strength of a continuous fault that is caught in `same-hardware`, with all above it.

    By channel, and by `any` channel; None if not even the largest strength is caught.
    """

    fault: str
    any: float | None
    forced: float | None
    outputs: float | None


class SensitivityState(StrEnum):
    """The outcome of one case: SHARP meets its `min_sensitivity` or states none; BLUNT does not."""

    SHARP = "sharp"
    BLUNT = "blunt"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The results of planting every fault in a case, stored next to the golden whose limits were tested.

    `golden` is the digest of that golden's outputs, `limits` the digest of the limits that judged: under other
    limits the faults must be planted again. `faults` holds each at its default strength; `smallest` is empty
    if no other strength was tried.
    """

    schema: int
    case: str
    platform: str
    golden: str
    limits: str
    at: str
    harness_version: str
    environment: Environment
    seconds: float
    faults: tuple[MutantResult, ...]
    smallest: tuple[Smallest, ...]


@dataclass(frozen=True, slots=True)
class SensitivityResult:
    """All faults planted in one case, each at its default strength; `ladder` holds those at other strengths.

    `platform` is where that was, None if nothing ran; `path` is the stored file. `forced` says whether the
    case is judged by forced replay, without which boundaries catch nothing in its verifications.
    """

    case: str
    state: SensitivityState
    reasons: Reasons
    seconds: float
    min_sensitivity: float | None = None
    scores: tuple[Score, ...] = ()
    faults: tuple[MutantResult, ...] = ()
    smallest: tuple[Smallest, ...] = ()
    ladder: tuple[MutantResult, ...] = ()
    next_steps: NextSteps = ()
    log: tuple[str, ...] = ()
    platform: str | None = None
    path: str | None = None
    forced: bool = True

    def in_state(self, state: MutantState) -> tuple[MutantResult, ...]:
        """The faults, at their default strengths, in this state."""
        return tuple(fault for fault in self.faults if fault.state is state)

    def missed(self, relation: Relation) -> tuple[MutantResult, ...]:
        """The applied faults that no channel of the case's judgement caught under a relation."""
        judging = {channel for channel in Channel if self.forced or channel is not Channel.FORCED}
        applied = self.in_state(MutantState.APPLIED)
        return tuple(one for one in applied if not judging & set(one.seen_by(relation)))


@dataclass(frozen=True, slots=True)
class SensitivityReport:
    """All cases of one invocation."""

    environment: Environment | None
    cases: tuple[SensitivityResult, ...]

    def summary(self) -> Mapping[SensitivityState, int]:
        """The number of cases per state that occurred, in the order of `SensitivityState`."""
        found = [case.state for case in self.cases]
        return {state: found.count(state) for state in SensitivityState if state in found}

    def exit_code(self) -> int:
        """0 all sharp or skipped, 1 a case is under its `min_sensitivity`, 3 at least one `error`."""
        states = {case.state for case in self.cases}
        if SensitivityState.ERROR in states:
            return 3
        return 1 if SensitivityState.BLUNT in states else 0
