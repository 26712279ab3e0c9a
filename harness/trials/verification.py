"""Verification: the trial of each case, its replay and its invariants, judged as they end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from harness.core.capture import Completed, Outcome
from harness.core.case import Case
from harness.core.environment import Environment
from harness.core.results.verdict import PASSES, CaseResult, FileDigest, Passing, Report, Verdict
from harness.core.trace import TraceLevel
from harness.errors import UnreadableGolden
from harness.golden.store import GoldenStore
from harness.golden.tensors import file_sha256
from harness.invocation.options import VerifyOptions
from harness.judge.evidence import Evidence, gathered
from harness.judge.forced import replayable
from harness.judge.judge import judge
from harness.report.alike import logged_once
from harness.run.trial import Trial
from harness.run.variables import Variables
from harness.trials import invariants
from harness.trials.captures import FORCED_NAME, capture_path, environment_of
from harness.trials.session import Session


@dataclass(frozen=True, slots=True)
class Place:
    """The environment that workers run in: its interpreter (None for the harness's own) and its variables."""

    python: str | None = None
    variables: Variables = field(default_factory=dict)

    def put(self, trial: Trial) -> Trial:
        """The same trial in this place."""
        return replace(trial, python=self.python, variables={**trial.variables, **self.variables})


HERE = Place()
"""The environment that the harness itself runs in."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The cases' own trials, the trials of their invariants, and the outcomes and results so far.

    `results` do not include the invariants.
    """

    trials: Sequence[Trial]
    asked: Sequence[invariants.Asked]
    how: VerifyOptions
    place: Place = HERE
    outcomes: dict[Path, Outcome] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    results: dict[str, CaseResult] = field(default_factory=dict)
    replayed: set[str] = field(default_factory=set)
    concluded: dict[str, CaseResult] = field(default_factory=dict)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, cases: Sequence[Case], out: Path, how: VerifyOptions, place: Place = HERE) -> Self:
        """The verification of these cases; captures go under `out`, workers run in `place`."""
        trials = tuple(place.put(Trial(case, capture_path(out, case))) for case in cases)
        asked = [
            replace(one, trial=one.trial and place.put(one.trial)) for one in invariants.asked_of(cases, out)
        ]
        return cls(trials, asked, how, place)

    def is_forced(self, case: Case) -> bool:
        """Whether the case is also judged under forced replay."""
        return self.how.forced or case.forced

    @property
    def environment(self) -> Environment | None:
        """The environment of the runs."""
        return environment_of(list(self.outcomes.values()))

    def judged(self, trial: Trial) -> CaseResult:
        """The result of the case of `trial`, including its invariants."""
        if trial.case.id in self.concluded:
            return self.concluded[trial.case.id]
        evidence = self.evidence[trial.case.id]
        evidence.invariants = invariants.outcomes_of(trial.case, self.asked, self.outcomes)
        return judge(evidence)

    def conclude(self, trial: Trial) -> CaseResult:
        """As `judged`, for a case whose runs have all ended; the result is final."""
        self.concluded[trial.case.id] = self.judged(trial)
        return self.concluded[trial.case.id]

    def report(self) -> Report:
        """The report of a finished verify, in the order of the configs."""
        judged = logged_once(self.judged(trial) for trial in self.trials)
        return Report(self.environment, judged, started=self.started, passing=_passing(self.how))

    def unfinished(self) -> Report:
        """The report of a verify that ends early; a pass that was judged only in part counts as not run."""
        done = {trial.case.id: self._so_far(trial) for trial in self.trials if not self._pending(trial.case)}
        left = tuple(trial.case.id for trial in self.trials if trial.case.id not in done)
        judged, passing = logged_once(done.values()), _passing(self.how)
        return Report(
            self.environment, judged, finished=False, not_run=left, started=self.started, passing=passing
        )

    def complete(self, trial: Trial) -> bool:
        """Whether the run of the case and the runs of its invariants have all ended."""
        return trial.case.id in self.results and invariants.complete(trial.case, self.asked, self.outcomes)

    def _so_far(self, trial: Trial) -> CaseResult:
        whole = invariants.complete(trial.case, self.asked, self.outcomes)
        return self.judged(trial) if whole else self.results[trial.case.id]

    def _pending(self, case: Case) -> bool:
        """Whether nothing is known about the case yet, or a run that has not ended may turn its pass into a failure."""
        result = self.results.get(case.id)
        if result is None:
            return True
        replays = result.verdict in PASSES and self.is_forced(case) and case.id not in self.replayed
        varied = result.verdict in PASSES | {Verdict.NO_GOLDEN}
        return replays or (varied and not invariants.complete(case, self.asked, self.outcomes))


Settle = Callable[[Evidence, CaseResult], CaseResult]
"""Completes a result after the trial of its case, and the replay if there is one, have ended."""


def judge_all(
    found: Verification,
    session: Session,
    store: GoldenStore,
    *,
    settle: Settle,
    curious: Callable[[CaseResult], bool] = lambda _result: False,
) -> None:
    """Run the trials and judge each case against its golden, also by forced replay if it is requested.

    A replay follows the trial of its case in the worker that still holds the pipeline. If no replay is requested, but
    the result makes `curious` true and the golden allows it, the case is replayed too; that decides nothing. Files
    stay open from the trial of a case to its `settle`.
    """
    own = {trial.case.id: trial for trial in found.trials}
    work = _Judging(found, session, store, settle, curious)
    further = [one.trial for one in found.asked if one.trial]
    try:
        for trial, _outcome in session.conduct([*found.trials, *further], then=work.then):
            first = own[trial.case.id]
            if first.case.id in work.settled and found.complete(first):
                judged = found.conclude(first)
                session.progress.concluded(judged.case, judged.verdict, judged.seconds)
    finally:
        for evidence in found.evidence.values():
            evidence.close()


@dataclass(frozen=True, slots=True)
class _Judging:
    """Handles each trial of a verification as it ends."""

    found: Verification
    session: Session
    store: GoldenStore
    settle: Settle
    curious: Callable[[CaseResult], bool]
    settled: set[str] = field(default_factory=set)

    def then(self, trial: Trial, outcome: Outcome) -> Trial | None:
        """Judge the outcome of `trial`; returns the replay that follows it, if any."""
        self.found.outcomes[trial.capture] = outcome
        if not trial.further:
            return self._judged(trial, outcome)
        if trial.forced is not None:
            evidence = self.found.evidence[trial.case.id]
            evidence.replayed(outcome, decides=self.found.is_forced(trial.case))
            self.found.replayed.add(trial.case.id)
            self._settled(evidence)
        return None

    def _judged(self, trial: Trial, outcome: Outcome) -> Trial | None:
        case, relation = trial.case, self.found.how.relation
        digest = _digest(trial.capture, outcome)
        evidence = gathered(case, outcome, self.store, relation=relation, digest=digest)
        self.found.evidence[case.id] = evidence
        result = self.found.results[case.id] = judge(evidence)
        wanted = self.found.is_forced(case) or self.curious(result)
        if wanted and replayable(evidence, result) and result.golden:
            capture, golden = self.session.path(case, FORCED_NAME), Path(result.golden)
            replay = Trial(case, capture, trace=TraceLevel.FULL, forced=golden, further=True)
            return self.found.place.put(replay)
        if self.found.is_forced(case):
            evidence.replayed(None)
            self.found.replayed.add(case.id)
        self._settled(evidence)
        return None

    def _settled(self, evidence: Evidence) -> None:
        evidence.explained = self.settle(evidence, judge(evidence))
        self.found.results[evidence.case.id] = evidence.explained
        self.settled.add(evidence.case.id)
        evidence.close()


def _passing(how: VerifyOptions) -> Passing:
    return Passing(how.allow_missing, how.strict)


def _digest(capture: Path, outcome: Outcome) -> FileDigest | None:
    """What `accept` identifies the capture by; None if the run left none that can be read."""
    if not isinstance(outcome, Completed):
        return None
    with suppress(UnreadableGolden):
        return FileDigest(capture.as_posix(), file_sha256(capture))
    return None
