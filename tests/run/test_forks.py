"""Workers that are forked: as fresh, as separate and as killable as those that are started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.core.case import Determinism
from harness.run.forks import ForkedProcess, ForkServers
from harness.run.process import STARTUP_SECONDS
from harness.run.variables import other_start, variables_for
from tests.run.processes import appears, gone
from tests.run.test_pool import DEAD_AT_START, DEATHS, ROOT, SITE, Done, do, misbehaving
from tests.run.test_pool import _patched_workers as _patched_workers
from tests.support.project import interruptible
from tests.support.starts.in_process import forking

PYTHON = sys.executable


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Well-behaved runs among all others, every one of them in a process of its own.

    The servers are forks themselves; those of `servers` are started.
    """
    folder = tmp_path_factory.mktemp("forked")
    names = ["OMP_NUM_THREADS", "PYTHONHASHSEED"]
    cases = [
        misbehaving("well-a"),
        misbehaving("well-b"),
        misbehaving("variables", call={"names": names}),
        misbehaving("two-threads", determinism=Determinism(threads=2, portable=False)),
        misbehaving("exit", "exit"),
        misbehaving("hang", "hang", timeout=5.0),
        misbehaving("kill", "kill", call={"note": str(folder / "child")}),
        misbehaving("raise", "raise", call={"note": "no such latents"}),
        misbehaving("segfault", "segfault"),
    ]
    with forking(SITE):
        return do(folder, cases, jobs=2, fresh=True)


def test_every_run_is_in_a_process_of_its_own_that_was_forked(forked: Done) -> None:
    for name in ("well-a", "well-b", "variables"):
        document = forked.document(name)
        assert document.process == "forked"
        assert document.seconds.load > 0
    assert forked.document("well-a").sha256 == forked.document("well-b").sha256


def test_it_has_the_variables_of_its_case(forked: Done) -> None:
    assert forked.text("variables", "OMP_NUM_THREADS") == "1"
    assert forked.text("variables", "PYTHONHASHSEED") == "0"


def test_a_process_that_has_a_thread_pool_is_not_forked(forked: Done) -> None:
    # OpenBLAS starts its threads when numpy is imported; a portable run has one of those in any case.
    assert forked.document("two-threads").process == "spawned"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("exit", "the worker exited with code 7 while it ran"),
        ("kill", "the worker was killed by SIGKILL (often the kernel, out of memory) while it ran"),
        ("segfault", "the worker was killed by SIGSEGV while it ran"),
        ("hang", "no result within the timeout of 5 s while it ran; the worker was killed"),
    ],
)
def test_a_death_is_told_as_of_any_worker(forked: Done, name: str, reason: str) -> None:
    lost = forked.lost(name)
    assert lost.reason == reason
    assert [line for line in lost.log if line.startswith("this is ")] == [f"this is {name}"]


def test_what_befalls_one_costs_no_other(forked: Done) -> None:
    kinds = {name: outcome.kind for name, outcome in forked.outcomes.items()}
    assert {name for name, kind in kinds.items() if kind == "lost"} == {*DEATHS}
    assert kinds["raise"] == "raised"


def test_what_a_killed_worker_started_is_killed_too(forked: Done) -> None:
    assert gone(int((forked.folder / "child").read_text()))


def test_where_a_server_cannot_begin_a_worker_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_DIES_AT_START", "1")
    assert do(tmp_path, [misbehaving("a")], fresh=True).outcomes == {"a": DEAD_AT_START}


def test_a_system_that_forks_unsafely_starts_its_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.forks.sys.platform", "darwin")
    assert do(tmp_path, [misbehaving("a")], fresh=True).document("a").process == "spawned"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServers]:
    found = ForkServers("cpu", tmp_path_factory.mktemp("servers"))
    yield found
    found.close()


def test_a_server_that_was_killed_leaves_starting_to_others(servers: ForkServers, tmp_path: Path) -> None:
    variables = {**variables_for(Determinism()), **other_start(2)}
    with (tmp_path / "log").open("wb") as log:
        first = servers.worker(variables, log, ())
        assert isinstance(first, ForkedProcess)
        server = int(Path(f"/proc/{first.pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(server, signal.SIGKILL)
        assert gone(server)
        # Whoever was forked from it is not left alone with nobody to hear how it ends.
        assert first.wait(60) == -signal.SIGKILL
        assert gone(first.pid)
        assert servers.worker(variables, log, ()) is None


@pytest.fixture
def never_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that begins and never gets anywhere."""
    sleeper = tmp_path / "python"
    sleeper.write_text(f"#!/bin/sh\necho >>{tmp_path}/began\nexec sleep 600\n")
    sleeper.chmod(0o700)
    monkeypatch.setattr("harness.run.process.sys.executable", str(sleeper))


PARENT = """
import sys
from pathlib import Path
from harness.run.executor import LocalExecutor
from harness.run.pool import WorkerPool
from harness.run.trial import Freshness, Trial
from tests.run.test_pool import Observed, misbehaving

folder = Path(sys.argv[1])
sys.executable = str(folder / "python")
trial = Trial(misbehaving("a"), folder / "a.safetensors", freshness=Freshness.FRESH)
with WorkerPool(LocalExecutor("cpu", folder / "logs"), Observed()) as pool:
    list(pool.conduct([trial], 1))
"""


# Python notes a signal in whichever thread gets it, but only one to the main thread ends what that is waiting for.
INTERRUPTED_ELSEWHERE = """
import signal
import sys
import threading
import time
from pathlib import Path

def interrupt():
    while not Path(sys.argv[1], "began").exists():
        time.sleep(0.05)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
"""


@contextmanager
def parent(script: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs `script` until it ends or is no longer needed."""
    process = subprocess.Popen([PYTHON, "-c", script, str(folder)], cwd=ROOT, preexec_fn=interruptible)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("never_imports")
def test_an_interruption_does_not_wait_for_a_server_that_is_still_importing(tmp_path: Path) -> None:
    with parent(PARENT, tmp_path) as process:
        assert appears(tmp_path / "began")
        process.send_signal(signal.SIGINT)
        assert process.wait(STARTUP_SECONDS / 2) == -signal.SIGINT
    assert (tmp_path / "began").read_text() == "\n", "no worker is started in the place of the server"


@pytest.mark.usefixtures("never_imports")
def test_a_signal_that_does_not_wake_the_main_thread_is_answered_as_well(tmp_path: Path) -> None:
    with parent(INTERRUPTED_ELSEWHERE + PARENT, tmp_path) as process:
        assert process.wait(STARTUP_SECONDS / 2) == -signal.SIGINT


@pytest.mark.usefixtures("never_imports")
def test_closing_does_not_wait_for_it_either(tmp_path: Path) -> None:
    found, asked = ForkServers("cpu", tmp_path), list[object]()
    with (tmp_path / "log").open("wb") as log:
        driver = threading.Thread(target=lambda: asked.append(found.worker({}, log, ())))
        driver.start()
        while not found._servers:
            time.sleep(0.01)
        found.close()
        driver.join(60)
    assert asked == [None]


# A process and its pipe


def status_pipe() -> tuple[ForkedProcess, int]:
    (read, write), nothing = os.pipe(), Path(os.devnull)
    return ForkedProcess(os.getpid(), read, nothing.open("wb"), nothing.open("rb")), write


def test_it_runs_until_its_end_is_told() -> None:
    process, write = status_pipe()
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    os.write(write, (-11).to_bytes(4, "little", signed=True))
    assert process.wait(5) == process.poll() == -11
    with pytest.raises(BrokenPipeError):
        os.write(write, b"the reader is closed, by which the server knows that the number is free")
    os.close(write)


def test_every_second_run_begins_otherwise() -> None:
    assert [other_start(number)["PYTHONHASHSEED"] for number in (1, 2, 3, 4)] == ["0", "1", "0", "1"]
