"""One night: the environment that it ran in, and what was judged, without the tensors themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from harness.core.results.verdict import PASSES, Verdict


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of one output and the limit that applied to it; None if undefined, or if no limit applied."""

    output: str
    metric: str
    value: float | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a night found out about a case, without what differs from run to run: the same judgement is stored once.

    `golden` is the sha256 of the golden's file; `outputs` and `trace` are digests of what the run gave. All are None
    if there is none. `cause` is the fingerprint of a failure, `group` the one that its cases share, and `what` says it
    in words; "" where nothing fails. `rejected` is the day (ISO 8601) on which somebody refused exactly this failure.
    """

    verdict: Verdict
    golden: str | None = None
    outputs: str | None = None
    trace: str | None = None
    cause: str = ""
    group: str = ""
    what: str = ""
    rejected: str | None = None
    metrics: tuple[Measured, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether a comparison met its limits."""
        return self.verdict in PASSES

    @property
    def fails(self) -> bool:
        """Whether it fails: a case that was skipped, or has no golden and needs none, neither passes nor fails."""
        return bool(self.cause)

    @property
    def decided(self) -> bool:
        """Whether the harness found out anything about the case."""
        return self.verdict not in (Verdict.ERROR, Verdict.SKIPPED)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run cost: wall-clock seconds by phase, `total` with everything around it, and the peak of memory in bytes.

    What is not known is None.
    """

    load: float | None = None
    run: float | None = None
    total: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A case on a platform as one night judged it.

    `again` are the digests of the outputs of its further runs in fresh processes, None for one that gave no outputs.
    """

    case: str
    platform: str
    judgement: Judgement
    cost: Cost = Cost()
    again: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Machine:
    """Where a night ran: everything of its environment except the packages, by dotted name."""

    entries: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def hardware(self) -> tuple[tuple[str, str], ...]:
        """What makes it this machine and no other."""
        return tuple(sorted(one for one in self.entries.items() if one[0].startswith("hardware.")))


Lock = Mapping[str, str]
"""The version of each package, by name."""


@dataclass(frozen=True, slots=True)
class Night:
    """One night on one machine.

    `key` tells it from all others, on every machine. `started` has a time zone. `folder` is where its report was
    written, as the command saw it.
    """

    key: str
    started: datetime
    machine: Machine
    lock: Lock
    judged: tuple[Judged, ...]
    folder: str = ""
    code: int | None = None

    @property
    def day(self) -> str:
        """The day on which it began, UTC in ISO 8601."""
        return self.started.date().isoformat()
