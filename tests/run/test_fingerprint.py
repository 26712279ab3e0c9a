"""What a worker says before any case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.environment import Environment
from harness.run.fingerprint import fingerprint
from harness.run.starts import Starts
from tests.run.test_pool import DEAD_AT_START, do, misbehaving
from tests.run.test_pool import _forked_workers as _forked_workers
from tests.run.test_pool import _patched_workers as _patched_workers


@pytest.mark.usefixtures("_forked_workers")
def test_the_fingerprint_is_that_of_the_runs(tmp_path: Path) -> None:
    environment = fingerprint("cpu", tmp_path / "logs")
    assert isinstance(environment, Environment)
    run = do(tmp_path, [misbehaving("well")]).document("well").environment
    # What a run imports on its way is no part of the fingerprint before any run.
    assert run == replace(environment, software=replace(environment.software, imported=run.software.imported))
    switches = environment.switches
    assert (switches.deterministic_algorithms, switches.sdpa_backends) == (True, ("math",))
    assert (switches.threads, switches.interop_threads) == (1, 1)


def test_the_fingerprint_of_a_worker_that_does_not_come_up_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_DIES_AT_START", "1")
    starts = Starts()
    assert fingerprint("cpu", tmp_path / "logs", starts) == DEAD_AT_START
    monkeypatch.delenv("TEST_DIES_AT_START")
    # What the command knows already is not tried again.
    assert fingerprint("cpu", tmp_path / "logs", starts) == DEAD_AT_START
