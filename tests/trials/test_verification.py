"""A verification under way: what is judged when, and what an unfinished report may say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Completed, Lost, Outcome
from harness.core.case import Case
from harness.core.invariant import Invariant, InvariantKind
from harness.core.results.verdict import CaseResult, Verdict
from harness.core.trace import TraceLevel
from harness.golden.store import GoldenStore
from harness.invocation.options import Options, VerifyOptions
from harness.judge.evidence import Evidence
from harness.report.terminal import Screen
from harness.run.trial import Trial
from harness.trials.session import open_session
from harness.trials.verification import Verification, judge_all
from tests.core.samples import case
from tests.golden.builders import ACCEPTED, environment, write_capture
from tests.support import pools

VALUES = {"images": np.linspace(0, 1, 64, dtype=np.float32)}


class Rig:
    """A store with goldens of the given cases, workers that give the same values, and what was asked of them."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, *cases: Case, forced: bool = False
    ) -> None:
        self.store = GoldenStore(folder / "goldens")
        for one in cases:
            path = self.store.path(one.id, "cpu-x86_64")
            write_capture(path, VALUES, case=one, accepted=ACCEPTED)
        self.values = {one.id: VALUES for one in cases}
        self.lost: set[str] = set()
        self.pool = pools.install(monkeypatch, self._outcome)
        self.options = Options(out=folder / "out", jobs=1)
        self.found = Verification.of(cases, self.options.out, VerifyOptions(forced=forced))
        self.settled: list[str] = []

    def judge(self) -> None:
        with open_session(self.options, Screen(quiet=True), len(self.found.trials)) as session:
            judge_all(self.found, session, self.store, settle=self._settle)

    def verdicts(self) -> dict[str, Verdict]:
        return {one.case: one.verdict for one in self.found.report().cases}

    def _outcome(self, trial: Trial) -> Outcome:
        if trial.capture.stem in self.lost:
            return Lost("killed")
        write_capture(trial.capture, self.values[trial.case.id], case=trial.case)
        return Completed(str(trial.capture), environment(), 1.0)

    def _settle(self, evidence: Evidence, result: CaseResult) -> CaseResult:
        self.settled.append(evidence.case.id)
        return result


def plain(name: str, **changes: object) -> Case:
    return case(id=name, trace=TraceLevel.NONE, **changes)


BATCH = (Invariant(InvariantKind.BATCH),)


def test_each_case_is_judged_against_its_golden_and_settled_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path, monkeypatch, plain("a"), plain("b"))
    rig.values["b"] = {"images": VALUES["images"] + 1}
    rig.judge()
    assert rig.verdicts() == {"a": Verdict.IDENTICAL, "b": Verdict.DRIFTED}
    assert rig.settled == ["a", "b"]
    assert rig.found.report().finished


def test_before_the_first_run_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Rig(tmp_path, monkeypatch, plain("a"), plain("b")).found.unfinished()
    assert (report.finished, report.cases, report.not_run) == (False, (), ("a", "b"))


def test_a_pass_whose_invariant_has_not_run_counts_as_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path, monkeypatch, plain("drifts", invariants=BATCH), plain("passes", invariants=BATCH))
    rig.values["drifts"] = {"images": VALUES["images"] + 1}
    conduct = rig.pool.conduct
    # The own runs alone, as when the command is interrupted after them.
    monkeypatch.setattr(
        rig.pool,
        "conduct",
        lambda trials, jobs, then: conduct([t for t in trials if not t.further], jobs, then),
    )
    rig.judge()
    report = rig.found.unfinished()
    assert [(one.case, one.verdict) for one in report.cases] == [("drifts", Verdict.DRIFTED)]
    assert report.not_run == ("passes",)


def test_an_invariant_belongs_to_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path, monkeypatch, plain("a", invariants=BATCH))
    rig.lost = {"invariant-batch"}
    rig.judge()
    assert rig.verdicts() == {"a": Verdict.ERROR}
    assert [one.invariant for one in rig.found.report().cases[0].invariants] == ["batch"]


def test_a_replay_that_cannot_be_had_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path, monkeypatch, plain("a"), forced=True)
    rig.judge()
    # The golden keeps no trace, and half a judgement is none.
    assert rig.verdicts() == {"a": Verdict.ERROR}
    assert [trial.forced for trial in rig.pool.conducted] == [None]


def test_every_file_is_closed_when_a_conclusion_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path, monkeypatch, plain("a"))
    closed = list[str]()
    monkeypatch.setattr(Evidence, "close", lambda self: closed.append(self.case.id))

    def fails(*_: object) -> CaseResult:
        raise LookupError("no words")

    monkeypatch.setattr(rig, "_settle", fails)
    with pytest.raises(LookupError):
        rig.judge()
    assert closed == ["a"]
