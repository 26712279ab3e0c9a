"""Runs cases for items, one at a time, on one pool of workers that lives as long as the process of pytest."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from harness.commands.record import recorded
from harness.core.case import Case
from harness.core.results.recording import RecordReport
from harness.core.results.verdict import Report
from harness.explain.results import with_divergence
from harness.golden.store import GoldenStore
from harness.invocation.decision import decision
from harness.invocation.options import Options, VerifyOptions
from harness.invocation.publish import judged_here
from harness.report.progress import NoProgress
from harness.review.drafts import with_drafts
from harness.review.reject import with_rejections
from harness.trials.cases import check
from harness.trials.session import Session
from harness.trials.verification import Verification, judge_all


class Runner:
    """The workers of this process, started by the first case; `logs` is the folder of what they write."""

    def __init__(self, options: Options, how: VerifyOptions, logs: Path) -> None:
        self._options, self._how, self._logs = options, how, logs
        self._store = GoldenStore(options.goldens)
        self._stack = ExitStack()
        self._opened: Session | None = None

    def verified(self, case: Case) -> Report:
        """The report of judging this case; raises ConfigError if its pipeline does not accept its call."""
        check([case], self._store)
        found = Verification.of([case], self._options.out, self._how)
        judge_all(found, self._session(), self._store, settle=with_divergence)
        report = with_drafts(with_rejections(found.report(), self._store), self._store)
        return replace(report, cases=tuple(judged_here(one, self._options) for one in report.cases))

    def recorded(self, case: Case, why: str | None) -> RecordReport:
        """The report of recording this case, also over its golden."""
        check([case])
        return recorded([case], self._session(), self._store, decision(why), update=True)

    def has_golden(self, case: Case) -> bool:
        """Whether there is a golden of this case for any platform."""
        return bool(self._store.platforms(case.id))

    def close(self) -> None:
        """End the workers."""
        self._opened = None
        self._stack.close()

    def _session(self) -> Session:
        if self._opened is None:
            self._opened = self._stack.enter_context(Session(self._options, NoProgress(), self._logs))
        return self._opened
