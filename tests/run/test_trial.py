"""What a trial tells its worker, and which process it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.case import Determinism
from harness.core.perturbation import Perturbation
from harness.core.trace import TraceLevel
from harness.run.trial import Freshness, Trial
from tests.core.samples import case


def test_the_job_holds_what_the_trial_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    move = Perturbation("benign.ulp", 1.0)
    job = Trial(case(), Path("a"), trace=TraceLevel.FULL, forced=Path("g"), perturbation=move).job()
    assert (job.capture, job.forced) == (str(tmp_path / "a"), str(tmp_path / "g"))
    assert (job.trace, job.perturbation, job.case) == (TraceLevel.FULL, move, case())


def test_the_trace_is_the_cases_own_unless_the_trial_says_otherwise() -> None:
    own = case(trace=TraceLevel.COMPONENTS)
    assert Trial(own, Path("a")).job().trace is TraceLevel.COMPONENTS
    assert Trial(own, Path("a"), trace=TraceLevel.NONE).job().trace is TraceLevel.NONE


def test_the_variables_of_the_trial_win_over_those_of_the_case() -> None:
    own = case(determinism=Determinism(threads=3, portable=False))
    plain = Trial(own, Path("a")).process_variables()
    varied = Trial(own, Path("a"), variables={"PYTHONHASHSEED": "1", "MKL_CBWR": None}).process_variables()
    assert (plain["OMP_NUM_THREADS"], plain["PYTHONHASHSEED"]) == ("3", "0")
    assert varied == {**plain, "PYTHONHASHSEED": "1", "MKL_CBWR": None}


def test_a_trial_shares_its_process_unless_it_says_otherwise() -> None:
    assert Trial(case(), Path("a")).freshness is Freshness.SHARED
