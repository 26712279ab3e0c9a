"""An explanation: where the difference of a case began, how it grew, and what may have caused it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.core.environment import Change
from harness.core.results.verdict import Boundary, CaseResult, Divergence


class Likelihood(StrEnum):
    """How well a change explains where the difference began."""

    LIKELY = "likely"
    POSSIBLE = "possible"
    UNLIKELY = "unlikely"


@dataclass(frozen=True, slots=True)
class Suspect:
    """One change of the environment, the model or the case, and how well it explains the finding."""

    change: Change
    likelihood: Likelihood


@dataclass(frozen=True, slots=True)
class GrowthRow:
    """All calls of one event: `curve` is the rel_l2 of their outputs in order (for the pipeline's own
    events, of their inputs), 0 if the bits are equal and None if undefined.

    `calls` counts the golden's, `calls_now` those of the new trace. `differing` is the first call whose
    output differs, None if all are equal; `first`, `worst` and `last` are the rel_l2 of the first
    differing call, the largest, and that of the last call. `given` is the largest rel_l2 of the inputs.
    """

    event: str
    component: str
    stage: str
    calls: int
    calls_now: int
    differing: int | None
    first: float | None
    worst: float | None
    last: float | None
    given: float | None
    curve: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a case has its verdict.

    `result` is the judged case including its divergence, `divergence` the same one or None if the traces
    are equal or missing. `stages` is the table of how the error grew, `suspects` what differs between the
    environments, the most likely first, `boundaries` the forced replay's (empty without one), and `notes` what
    remains unknown and why. `own_stream` names the kind of draw that the difference began with, if other
    hardware inherently draws other numbers; empty if it began elsewhere.
    """

    result: CaseResult
    divergence: Divergence | None
    stages: tuple[GrowthRow, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    notes: tuple[str, ...] = ()
    own_stream: str = ""
