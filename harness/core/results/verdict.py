"""Verdicts, the result of judging a case, and the report of an invocation with its exit code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from harness.core.environment import Change, Environment
from harness.core.history import Rejection
from harness.core.results.candidate import Tried
from harness.core.results.next_step import NextSteps
from harness.core.results.reasons import Reasons, Warned
from harness.core.tolerance import AT_LEAST, Relation


class Verdict(StrEnum):
    """The judgement of one case."""

    IDENTICAL = "identical"
    WITHIN = "within"
    DRIFTED = "drifted"
    BROKEN = "broken"
    STALE = "stale"
    NO_GOLDEN = "no-golden"
    SKIPPED = "skipped"
    ERROR = "error"


PASSES = frozenset({Verdict.IDENTICAL, Verdict.WITHIN})
"""The verdicts of a comparison that met its limits."""

REGRESSIONS = frozenset({Verdict.DRIFTED, Verdict.BROKEN, Verdict.STALE})
"""The verdicts that fail regardless of options (exit code 1)."""

_SEVERITY = (Verdict.IDENTICAL, Verdict.WITHIN, Verdict.DRIFTED, Verdict.BROKEN, Verdict.ERROR)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The most severe verdict of comparisons, possible or not; raises ValueError for others, or if there are none."""
    return max(verdicts, key=_SEVERITY.index)


@dataclass(frozen=True, slots=True)
class TensorResult:
    """One judged tensor: its metrics, the limits that applied, and the limits it would have needed.

    A metric is None if it is undefined (an all-zero golden has no rel_l2) or not finite.
    """

    name: str
    verdict: Verdict
    dtype: str
    shape: tuple[int, ...]
    metrics: Mapping[str, float | None]
    limits: Mapping[str, float]
    needed: Mapping[str, float]
    reasons: Reasons = ()


@dataclass(frozen=True, slots=True)
class ExactFinding:
    """Something that needs no tolerance and differs; `fails` says whether it fails the case.

    `name` is the entry that differs (the first of several that are told at once), `what` says in words where.
    """

    what: str
    golden: str | None
    now: str | None
    fails: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Boundary:
    """One boundary of a forced replay: the component's output against the golden's."""

    event: str
    index: int
    rel_l2: float | None
    limit: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where a difference began."""

    stage: str
    component: str
    event: str
    index: int
    module: str | None
    rel_l2: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class InvariantResult:
    """One invariant, judged by the variation's outputs against the run's own.

    `skipped` if the variation is not possible here, for these `reasons`; `broken` if it raised or gave
    outputs of another shape; `error` if the harness could not reach a verdict.
    """

    invariant: str
    verdict: Verdict
    reasons: Reasons = ()
    tensors: tuple[TensorResult, ...] = ()
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A file that was read: its path, and the sha256, in hex, of its whole content."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What identifies a run among those of other nights, and what it cost.

    `outputs` and `trace` are digests, in hex, over all tensors of the capture's outputs and of its trace (None without
    one): the same digest is the same bits. `load` and `run` are wall-clock seconds, as in the capture; `memory` is the
    peak in bytes, None if unknown.
    """

    outputs: str
    trace: str | None
    load: float
    run: float
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The judgement of one case, with everything that led to it.

    `capture` is the file that was judged, None if the run gave none; `golden_sha256` the digest of the
    whole file `golden` as it was then. If golden and run come from different CPUs, or only one of them is
    portable, `portability` says how the golden came to judge. `rejected` is set if somebody refused exactly this
    failure. `pipeline`, `tags` and `source`, its config file, are the case's own; empty in reports of earlier
    versions. The file defines the case at `line`, from 1, as number `entry` of its cases, from 0.
    `record` is None if the run left no capture.
    """

    case: str
    verdict: Verdict
    platform: str | None
    relation: Relation | None
    golden: str | None
    reasons: Reasons
    seconds: float
    tensors: tuple[TensorResult, ...] = ()
    exact_findings: tuple[ExactFinding, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    environment_changes: tuple[Change, ...] = ()
    first_divergence: Divergence | None = None
    next_steps: NextSteps = ()
    log: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()
    invariants: tuple[InvariantResult, ...] = ()
    capture: FileDigest | None = None
    golden_sha256: str | None = None
    portability: str = ""
    rejected: Rejection | None = None
    pipeline: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""
    line: int = 1
    entry: int = 0
    record: RunRecord | None = None


@dataclass(frozen=True, slots=True)
class WorstMetric:
    """The metric that comes nearest to its limit, or exceeds it most; `value` is None if undefined."""

    tensor: str
    metric: str
    value: float | None
    limit: float


def worst_metric(result: CaseResult) -> WorstMetric | None:
    """The metric with the greatest ratio of value to limit over all tensors; None if no limit applied.

    For `psnr`, whose limit is the smallest value allowed, the ratio is limit to value. An undefined value
    counts as infinitely far off, unless its tensor passes (the psnr of equal values). Ties go to the first,
    in the order of tensors and limits.
    """
    return max(_against_limits(result), key=_severity, default=None)


def _against_limits(result: CaseResult) -> Iterator[WorstMetric]:
    for tensor in result.tensors:
        for name, limit in tensor.limits.items():
            value = tensor.metrics.get(name)
            if value is not None or tensor.verdict not in PASSES:
                yield WorstMetric(tensor.name, name, value, limit)


def _severity(worst: WorstMetric) -> float:
    if worst.value is None:
        return math.inf
    top, bottom = (worst.limit, worst.value) if worst.metric in AT_LEAST else (worst.value, worst.limit)
    if bottom > 0:
        return top / bottom
    return math.inf if top > bottom else 0.0


@dataclass(frozen=True, slots=True)
class Passing:
    """What passes on request: `allow_missing` lets `no-golden` pass, `strict` lets `skipped` fail."""

    allow_missing: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class RanIn:
    """One of several environments in which the cases of a report ran; `cases` are their places in it, from 0."""

    environment: Environment
    cases: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All judgements of one invocation, or of several that were merged; `environment` is None if no worker started.

    It is also None if they ran in several environments. `environments` then lists each; cases whose result names no
    platform belong to none of them. A merged report may have a case once for each platform.

    An invocation that is still running, was interrupted or ended by an error is not `finished`; `not_run` are
    the ids of the cases that were not yet judged, which are not among `cases`. `command` is what
    was run, `verify` or `explain`.
    `started` is when the invocation began, with its time zone; None in reports of earlier versions.
    `passing` are the options of the invocation, so that the report can be shown again unchanged.
    """

    environment: Environment | None
    cases: tuple[CaseResult, ...]
    finished: bool = True
    not_run: tuple[str, ...] = ()
    command: str = "verify"
    started: datetime | None = None
    passing: Passing = Passing()
    candidate: Tried | None = None
    environments: tuple[RanIn, ...] = ()

    def in_environments(self) -> tuple[tuple[Environment | None, tuple[CaseResult, ...]], ...]:
        """Each environment with the cases that ran in it, in order; the cases of none come last, with None."""
        if not self.environments:
            return ((self.environment, self.cases),)
        listed = {place for one in self.environments for place in one.cases}
        rest = tuple(case for place, case in enumerate(self.cases) if place not in listed)
        found = [
            (one.environment, tuple(self.cases[place] for place in one.cases)) for one in self.environments
        ]
        return (*found, *([(None, rest)] if rest else []))

    def summary(self) -> Mapping[Verdict, int]:
        """The number of cases per verdict that occurred, in the order of `Verdict`."""
        found = [case.verdict for case in self.cases]
        return {verdict: found.count(verdict) for verdict in Verdict if verdict in found}

    def exit_code(self, *, allow_missing: bool = False, strict: bool = False) -> int:
        """0 all pass, 1 at least one regression, 3 at least one `error` whatever else failed, or not finished."""
        verdicts = {case.verdict for case in self.cases}
        if Verdict.ERROR in verdicts or not self.finished:
            return 3
        passing = set(PASSES)
        if allow_missing:
            passing.add(Verdict.NO_GOLDEN)
        if not strict:
            passing.add(Verdict.SKIPPED)
        return 1 if verdicts - passing else 0
