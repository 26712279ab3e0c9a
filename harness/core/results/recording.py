"""The results of `record`, `repeat` and `list`, frozen for the reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from harness.core.environment import Change, Environment
from harness.core.flags import Flags
from harness.core.results.next_step import NextSteps
from harness.core.results.reasons import Reasons, Warned
from harness.core.results.verdict import TensorResult


class RecordState(StrEnum):
    """The outcome of recording one case."""

    RECORDED = "recorded"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    PROPOSED = "proposed"
    REJECTED = "rejected"
    LEFT = "left"
    KEPT = "kept"
    STALE = "stale"
    NONDETERMINISTIC = "nondeterministic"
    SKIPPED = "skipped"
    BROKEN = "broken"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The outcome of recording one case.

    `tensors` compares the two runs of a nondeterministic case, and the new golden with the old one of an
    updated case; `definition_changes` and `environment_changes` say what else an update changed.
    """

    case: str
    state: RecordState
    platform: str | None
    golden: str | None
    reasons: Reasons
    seconds: float
    tensors: tuple[TensorResult, ...] = ()
    definition_changes: tuple[Change, ...] = ()
    environment_changes: tuple[Change, ...] = ()
    next_steps: NextSteps = ()
    log: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordReport:
    """All recordings of one invocation.

    An invocation that is still running, was interrupted or ended by an error is not `finished`; `not_run` are the
    ids of the cases that were still undecided, which are not among `cases`.
    """

    environment: Environment | None
    cases: tuple[RecordResult, ...]
    finished: bool = True
    not_run: tuple[str, ...] = ()

    def summary(self) -> Mapping[RecordState, int]:
        """The number of cases per state that occurred, in the order of `RecordState`."""
        found = [case.state for case in self.cases]
        return {state: found.count(state) for state in RecordState if state in found}

    def exit_code(self) -> int:
        """0 nothing failed, 1 a case is broken, nondeterministic or stale, 3 an `error` or not finished."""
        states = {case.state for case in self.cases}
        if RecordState.ERROR in states or not self.finished:
            return 3
        return 1 if states & {RecordState.BROKEN, RecordState.NONDETERMINISTIC, RecordState.STALE} else 0


@dataclass(frozen=True, slots=True)
class Distance:
    """How far apart one output of two runs is: L-infinity distance and share of unequal elements.

    `max_abs` is None if the runs cannot be subtracted (another shape or dtype, NaN against a number).
    """

    first: int
    second: int
    tensor: str
    max_abs: float | None
    mismatched: float | None
    identical: bool


@dataclass(frozen=True, slots=True)
class SwitchTrial:
    """The runs of a case with one switch of `determinism` on and all others off.

    `deterministic` is None if a run failed; `max_abs` is the largest L-infinity distance between two
    runs, None if undefined.
    """

    switch: str
    deterministic: bool | None
    max_abs: float | None


@dataclass(frozen=True, slots=True)
class RepeatResult:
    """N runs of one case; `deterministic` is None if a run failed, for these `reasons`.

    Each has its own process, except the last `reused`, which one worker did one after the other.
    If runs with flags off differ, `switches` says what each switch alone does about it. `apart` is the distance
    of the first run with flags off (the second of each pair) from the first with flags on.
    """

    case: str
    platform: str | None
    runs: int
    deterministic: bool | None
    distances: tuple[Distance, ...]
    reasons: Reasons
    seconds: float
    skipped: bool = False
    log: tuple[str, ...] = ()
    flags: Flags = Flags.ON
    reused: int = 0
    switches: tuple[SwitchTrial, ...] = ()
    apart: tuple[Distance, ...] = ()
    next_steps: NextSteps = ()


@dataclass(frozen=True, slots=True)
class RepeatReport:
    """All repetitions of one invocation."""

    environment: Environment | None
    cases: tuple[RepeatResult, ...]

    def exit_code(self) -> int:
        """0 all deterministic (or skipped), 1 some runs differ, 3 a run failed."""
        if any(case.deterministic is None and not case.skipped for case in self.cases):
            return 3
        return 1 if any(case.deterministic is False for case in self.cases) else 0


@dataclass(frozen=True, slots=True)
class ListedGolden:
    """One stored golden of a listed case; `stale` if it was recorded from another definition.

    `unusable` says why the file may not judge the case, "" if it may. `calibrated` is the
    largest rel_l2 that its calibration allows on the same hardware, or `missing`; ""
    if the case asks for no calibrated limits. It is `damaged` for a calibration that is not credible, asked for or not.
    """

    platform: str
    stale: bool
    readable: bool = True
    calibrated: str = ""
    unusable: str = ""


@dataclass(frozen=True, slots=True)
class ListedDraft:
    """A draft of a listed case: whether it is waiting, outdated or promoted, and who made it, when, and why.

    `unusable` says why the file is no draft, "" if it is one.
    """

    platform: str
    state: str = ""
    by: str = ""
    at: str = ""
    reason: str = ""
    unusable: str = ""


@dataclass(frozen=True, slots=True)
class ListedCase:
    """One line of `harness list`; tolerances by relation in brief.

    `absent` are the folders and files with weights that the case names but that do not exist. `renamed_from` is the
    id under which the store probably has its golden, "" if it has one of its own or none is like it.
    """

    case: str
    pipeline: str
    model: str
    device: str
    tolerance: Mapping[str, str]
    goldens: tuple[ListedGolden, ...]
    tags: tuple[str, ...]
    absent: tuple[str, ...] = ()
    drafts: tuple[ListedDraft, ...] = ()
    renamed_from: str = ""


@dataclass(frozen=True, slots=True)
class ObsoleteFile:
    """A file of the goldens folder that no case uses, by its path in it; `bytes` is its size."""

    path: str
    case: str
    platform: str
    bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class StoreSize:
    """The goldens folder as a whole: the numbers of files and of goldens, and their total bytes."""

    files: int
    goldens: int
    bytes: int


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What `prune` found obsolete in the store, and whether it was deleted.

    `store` describes the store beforehand; `objections` say what to check before deleting. `waiting` are the paths of
    drafts that wait for their confirmation.
    """

    obsolete: tuple[ObsoleteFile, ...]
    store: StoreSize
    deleted: bool
    objections: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
