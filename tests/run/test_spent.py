"""A worker that a run has left changed serves no other run.

The workers here are small scripts that speak the protocol; `tests/outside/leaks` tells what leaves a process changed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.codec import to_json
from harness.core.capture import Completed
from harness.core.messages import Finished, Ready
from harness.run.executor import LocalExecutor
from harness.run.pool import WorkerPool
from harness.run.trial import Trial
from tests.core.samples import ENVIRONMENT, case
from tests.run.test_pool import Observed

SCRIPT = """\
#!{python}
import os, sys
print('{ready}', flush=True)
with open('{log}', 'a') as log:
    for job in sys.stdin:
        log.write(f"{{os.getpid()}}\\n")
        log.flush()
        print('{finished}', flush=True)
"""


@pytest.mark.parametrize(("spent", "processes"), [(False, 1), (True, 3)])
def test_the_next_run_gets_another_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spent: bool, processes: int
) -> None:
    served, script = tmp_path / "served", tmp_path / "python"
    ready = to_json(Ready(None, "a script"))
    finished = to_json(Finished(Completed("c", ENVIRONMENT, 1.5), spent=spent))
    script.write_text(SCRIPT.format(python=sys.executable, ready=ready, finished=finished, log=served))
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    trials = [Trial(case(id=name), tmp_path / name) for name in ("a", "b", "c")]
    with WorkerPool(LocalExecutor("cpu", tmp_path / "logs"), Observed()) as pool:
        outcomes = [outcome for _, outcome in pool.conduct(trials, 1)]
    assert outcomes == [Completed("c", ENVIRONMENT, 1.5)] * 3
    numbers = served.read_text().split()
    assert len(numbers) == 3
    assert len({*numbers}) == processes
