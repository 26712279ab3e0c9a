"""Blame: which change of a dependency made a case differ, how that was found, and what stays unknown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from harness.core.environment import Change
from harness.core.results.verdict import Divergence


class BlameOutcome(StrEnum):
    """How a search for the cause ended."""

    BLAMED = "blamed"
    OWN_CHANGE = "own-change"
    NOT_REPRODUCED = "not-reproduced"
    AMBIGUOUS = "ambiguous"
    CANNOT_TELL = "cannot-tell"


FOUND = frozenset({BlameOutcome.BLAMED, BlameOutcome.OWN_CHANGE})
"""The outcomes that answer the question (exit code 0)."""


class ChangeKind(StrEnum):
    """What a change of version did: more than the case allows other software, or only other last digits."""

    BEHAVIOUR = "behaviour"
    ROUNDING = "rounding"


End = Literal["good", "bad"]
"""The end of the interval that is searched: the versions that are known to be good, or the others."""


@dataclass(frozen=True, slots=True)
class BlamedChange:
    """A change of one package's version that changes a case.

    `rel_l2` is the largest of all outputs between the two versions, None if undefined or if the pipeline raised
    (`raised` is then the exception in one line). `untold` are the versions between the two under which nothing can
    run. `first` is where the difference began.
    """

    package: str
    before: str | None
    after: str | None
    rel_l2: float | None
    kind: ChangeKind
    first: Divergence | None = None
    raised: str = ""
    untold: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnChanges:
    """The case differs under the golden's versions too: what moved besides packages is the cause."""

    changes: tuple[Change, ...]
    kind: Literal["own-changes"] = "own-changes"


@dataclass(frozen=True, slots=True)
class GoodEndDiffers:
    """The good end does not agree with the golden; `held` are packages whose golden version was not tried.

    `raised` is what the pipeline raised, in one line; else `words` says what differs.
    """

    rel_l2: float | None
    words: str = ""
    raised: str = ""
    held: tuple[Change, ...] = ()
    kind: Literal["good-end-differs"] = "good-end-differs"


@dataclass(frozen=True, slots=True)
class BadEndAgrees:
    """The bad end agrees with the golden: bit for bit, or closely enough (`rel_l2` within the limits)."""

    identical: bool
    rel_l2: float | None = None
    kind: Literal["bad-end-agrees"] = "bad-end-agrees"


@dataclass(frozen=True, slots=True)
class SameEnds:
    """Both ends that were asked for are the same versions."""

    kind: Literal["same-ends"] = "same-ends"


@dataclass(frozen=True, slots=True)
class NoCause:
    """The case differs, although neither a package moved nor anything else that a golden records."""

    rel_l2: float | None
    held: tuple[Change, ...] = ()
    kind: Literal["no-cause"] = "no-cause"


@dataclass(frozen=True, slots=True)
class Unstable:
    """Two runs of one end differ from each other."""

    end: End
    rel_l2: float | None
    kind: Literal["unstable"] = "unstable"


@dataclass(frozen=True, slots=True)
class Untold:
    """One end could not be run, for this reason; `unusable` says that nothing runs under its versions."""

    end: End
    problem: str
    unusable: bool = False
    kind: Literal["untold"] = "untold"


@dataclass(frozen=True, slots=True)
class Unsearchable:
    """The case cannot be asked about: it has no golden that may judge here, or the golden cannot be read."""

    problem: str
    kind: Literal["unsearchable"] = "unsearchable"


BlameReason = (
    OwnChanges | GoodEndDiffers | BadEndAgrees | SameEnds | NoCause | Unstable | Untold | Unsearchable
)


@dataclass(frozen=True, slots=True)
class Blame:
    """Why a case differs between two sets of versions.

    `moved` is everything that differs between the two ends. `changes` are the cause, in the order in which packages
    have to move (several: only together they make the difference), or with `every` all changes on the way from one
    end to the other. `companions` change nothing, but have to move for the others to run. `runs` counts the runs that
    the answer is based on. `confirmed` says that the good end with the cause is bad, and the bad end without it good.
    `reason` says why there is no change to blame.
    """

    case: str
    outcome: BlameOutcome
    changes: tuple[BlamedChange, ...] = ()
    moved: tuple[Change, ...] = ()
    runs: int = 0
    confirmed: bool = False
    seconds: float = 0.0
    every: bool = False
    companions: tuple[str, ...] = ()
    reason: BlameReason | None = None


@dataclass(frozen=True, slots=True)
class BlameReport:
    """The blames of one invocation. An interrupted one is not `finished`."""

    blames: tuple[Blame, ...]
    finished: bool = True

    def exit_code(self) -> int:
        """0 if every case has its answer, 1 if a difference was not reproduced or is ambiguous, 3 if none was found."""
        outcomes = {blame.outcome for blame in self.blames}
        if BlameOutcome.CANNOT_TELL in outcomes or not self.finished:
            return 3
        return 0 if outcomes <= FOUND else 1
