"""Which way a worker comes: forked or started, as a trial asks and as it can be had."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import pytest

from harness.core.capture import Lost
from harness.core.messages import Ready
from harness.run import executor as module
from harness.run.executor import INTERRUPTED, LocalExecutor, begun
from harness.run.process import NotSpawned
from harness.run.starts import Failure
from harness.run.trial import Freshness, Trial
from tests.core.samples import case

PLAIN = Trial(case(), Path("a"))
FRESH = Trial(case(), Path("a"), freshness=Freshness.FRESH)


class Servers:
    """Fork servers that remember what they were asked for, and give what they are told to."""

    def __init__(self, *_given: object) -> None:
        self.there = False
        self.gives: object | None = "forked"
        self.imports: list[tuple[str, ...]] = []

    def has(self, _variables: object) -> bool:
        return self.there

    def worker(self, _variables: object, _log: object, imports: tuple[str, ...]) -> object | None:
        self.imports.append(imports)
        return self.gives

    def close(self) -> None:
        self.gives = None


class Started:
    """A worker that begins as its `fork` says."""

    def __init__(self, _variables: Any, _device: str, log: Path, fork: Any, python: str | None) -> None:
        self.log = log
        self.python = python
        sink: IO[bytes] | None = None
        self.how = fork(sink) or "started"


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalExecutor:
    monkeypatch.setattr(module, "ForkServers", Servers)
    monkeypatch.setattr(module, "WorkerProcess", Started)
    return LocalExecutor("cpu", tmp_path)


def how(local: LocalExecutor, trial: Trial) -> str:
    return local.worker(trial, 0).how  # type: ignore[attr-defined]


def servers(local: LocalExecutor) -> Servers:
    return local._servers  # type: ignore[return-value]


def test_fresh_processes_are_forked_and_the_others_started(local: LocalExecutor) -> None:
    assert (how(local, FRESH), how(local, PLAIN)) == ("forked", "started")


def test_where_a_server_is_there_already_it_serves_the_others_too(local: LocalExecutor) -> None:
    servers(local).there = True
    assert how(local, PLAIN) == "forked"


def test_where_no_process_can_be_forked_one_is_started(local: LocalExecutor) -> None:
    servers(local).gives = None
    assert how(local, FRESH) == "started"


def test_another_interpreter_is_always_started(local: LocalExecutor) -> None:
    trial = Trial(case(), Path("a"), freshness=Freshness.FRESH, python="/other/python")
    worker = local.worker(trial, 0)
    assert (worker.how, worker.python) == ("started", "/other/python")  # type: ignore[attr-defined]


def test_a_pipeline_of_the_users_own_is_not_imported_by_the_server(local: LocalExecutor) -> None:
    own = Trial(case(pipeline="mine.py:Mine"), Path("a"), freshness=Freshness.FRESH)
    how(local, FRESH)
    how(local, own)
    assert servers(local).imports == [(FRESH.case.pipeline,), ()]


def test_once_closed_nothing_is_started_in_the_place_of_a_fork(local: LocalExecutor) -> None:
    local.close()
    with pytest.raises(NotSpawned) as refused:
        how(local, FRESH)
    assert refused.value.lost == INTERRUPTED


def test_every_worker_of_the_pool_has_a_log_of_its_own(local: LocalExecutor, tmp_path: Path) -> None:
    logs = [local.worker(PLAIN, number).log for number in (0, 3)]  # type: ignore[attr-defined]
    assert logs == [tmp_path / "worker-0.log", tmp_path / "worker-3.log"]


class Hired:
    """A worker with the given first word, which keeps whether it was killed."""

    def __init__(self, word: Ready | Lost | BaseException, *, by_others: bool = False) -> None:
        self.word = word
        self.was_killed = by_others
        self.killed = False

    def wait_ready(self) -> Ready | Lost:
        if isinstance(self.word, BaseException):
            raise self.word
        return self.word

    def kill(self) -> None:
        self.killed = True


@pytest.mark.parametrize("by_others", [False, True])
def test_a_worker_that_cannot_begin_is_not_left_behind(by_others: bool) -> None:
    worker = Hired(Lost("no libcuda here"), by_others=by_others)
    assert begun(lambda: worker) == Failure(Lost("no libcuda here"), again=by_others)  # type: ignore[arg-type, return-value]
    assert worker.killed


def test_nor_is_one_whose_start_is_interrupted() -> None:
    worker = Hired(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        begun(lambda: worker)  # type: ignore[arg-type, return-value]
    assert worker.killed


def test_what_was_never_spawned_is_a_failure() -> None:
    def hire() -> Any:
        raise NotSpawned(Lost("no memory"))

    assert begun(hire) == Failure(Lost("no memory"))
