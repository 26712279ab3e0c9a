"""Whatever a worker does, its parent gets one outcome in time, with the last log lines of that run alone.

The workers here are small scripts that speak the protocol; `test_pool` uses real ones.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.codec import to_json
from harness.core.capture import Completed, Lost, Outcome
from harness.core.messages import CannotStart, Finished, Job, Progress, Ready
from harness.core.results.next_step import harness_step
from harness.report.reason_words import step_words
from harness.run import process
from harness.run.process import NotSpawned, WorkerProcess
from tests.core.samples import ENVIRONMENT, case
from tests.run.processes import gone

PRELUDE = f"""\
#!{sys.executable}
import faulthandler, os, signal, subprocess, sys, time
READY = {to_json(Ready(None, "a script"))!r}
PROGRESS = {to_json(Progress("running", 1, 2))!r}
FINISHED = {to_json(Finished(Completed("c", ENVIRONMENT, 1.5)))!r}
def say(text): print(text, flush=True)
def log(text): print(text, file=sys.stderr, flush=True)
def stuck_right_here():
    while True: time.sleep(0.01)
"""

SERVE = """
say(READY)
for job in sys.stdin:
    log("a job came in")
    say(PROGRESS)
    say(FINISHED)
"""

DONE = Completed("c", ENVIRONMENT, 1.5)

Start = Callable[[str], WorkerProcess]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a worker that is the given script."""
    workers: list[WorkerProcess] = []
    monkeypatch.setattr(process, "_ABORT_SECONDS", 1.0)
    monkeypatch.setattr(process, "STARTUP_SECONDS", 30.0)

    def started(script: str) -> WorkerProcess:
        path = tmp_path / f"worker-{len(workers)}.py"
        path.write_text(PRELUDE + script)
        path.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(path))
        workers.append(
            WorkerProcess({"GIVEN": "yes", "TAKEN": None}, "cpu", tmp_path / "logs" / "worker.log")
        )
        return workers[-1]

    yield started
    for worker in workers:
        worker.kill()


def ran(worker: WorkerProcess, timeout: float = 60.0) -> Outcome:
    return worker.run(Job(case(timeout=timeout), "c"), lambda _progress: None)


def lost(worker: WorkerProcess, timeout: float = 60.0) -> Lost:
    outcome = ran(worker, timeout)
    assert isinstance(outcome, Lost)
    return outcome


def test_a_worker_serves_several_jobs_and_its_progress_is_passed_on(start: Start) -> None:
    worker, seen = start(SERVE), []
    assert worker.wait_ready() == Ready(None, "a script")
    for _ in range(2):
        assert worker.run(Job(case(), "c"), seen.append) == DONE
    assert seen == [Progress("running", 1, 2)] * 2
    assert worker.alive


def test_it_gets_the_device_and_the_variables(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKEN", "the caller's")
    monkeypatch.setenv("KEPT", "the caller's")
    script = (
        "log(sys.argv[1:])\nfor name in ('GIVEN', 'TAKEN', 'KEPT'): log(f'{name}={os.environ.get(name)}')\n"
    )
    ready = start(script).wait_ready()
    assert isinstance(ready, Lost)
    assert ready.log == (
        "['-P', '-m', 'harness.worker', 'cpu']",
        "GIVEN=yes",
        "TAKEN=None",
        "KEPT=the caller's",
    )


@pytest.mark.parametrize(
    "garbage",
    [
        "say('hello')",
        "say('{}')",
        "say('')",
        "sys.stdout.write('no end of line'); say('')",
        "os.write(1, b'\\xff\\n')",
    ],
)
def test_what_is_printed_before_it_is_ready_is_passed_over(start: Start, garbage: str) -> None:
    worker = start(garbage + SERVE)
    assert worker.wait_ready() == Ready(None, "a script")
    assert ran(worker) == DONE


# Deaths


@pytest.mark.parametrize(
    ("death", "words"),
    [
        ("os._exit(7)", "exited with code 7"),
        ("sys.exit()", "exited with code 0"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL (often the kernel, out of memory)"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        pytest.param(
            "os.kill(os.getpid(), 40)",
            "was killed by signal 40",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux has signals without a name"),
        ),
        ("os.write(1, PROGRESS[:20].encode()); os._exit(1)", "exited with code 1"),
    ],
)
def test_a_death_while_a_job_runs_says_how(start: Start, death: str, words: str) -> None:
    worker = start(f"say(READY)\nsys.stdin.readline()\nlog('last words')\n{death}")
    assert lost(worker) == Lost(f"the worker {words} while it ran", ("last words",))
    assert not worker.alive


def test_a_death_while_starting_says_so(start: Start) -> None:
    worker = start("log('no libcuda here')\nos._exit(3)")
    assert lost(worker) == Lost(
        "the worker exited with code 3 while starting: no libcuda here",
        ("no libcuda here",),
        (harness_step("fix what the log shows, then check", "env"),),
    )
    assert not worker.alive


def test_one_that_says_why_it_cannot_start_is_heard(start: Start) -> None:
    told = CannotStart("diffusers", "0.36.0", "No module named 'httpx'", "httpx")
    worker = start(f"log('its traceback')\nsay({to_json(told)!r})")
    ready = worker.wait_ready()
    assert isinstance(ready, Lost)
    assert ready.reason == "diffusers 0.36.0 cannot be imported here: No module named 'httpx'"
    assert ready.log == ("its traceback",)
    assert step_words(ready.next_steps).startswith("install the package that provides the module httpx for ")


@pytest.mark.parametrize(
    ("script", "killed"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", True),
        ("os.kill(os.getpid(), signal.SIGSEGV)", False),
        ("signal.signal(signal.SIGABRT, signal.SIG_IGN)\nstuck_right_here()", False),  # killed by the harness
    ],
)
def test_whether_somebody_else_killed_it(
    start: Start, monkeypatch: pytest.MonkeyPatch, script: str, killed: bool
) -> None:
    monkeypatch.setattr(process, "STARTUP_SECONDS", 1.0)
    worker = start(script)
    worker.wait_ready()
    assert worker.was_killed is killed


@pytest.mark.parametrize("executable", ["", "/no/such/python"])
def test_a_python_that_cannot_be_run_is_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executable: str
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(NotSpawned, match="no worker can be started") as caught:
        WorkerProcess({}, "cpu", tmp_path / "worker.log")
    assert caught.value.lost.next_steps


def test_a_worker_that_died_while_idle_is_not_alive(start: Start) -> None:
    worker = start("say(READY)\nsys.stdin.readline()\nsay(FINISHED)")
    assert ran(worker) == DONE
    worker.close()
    assert not worker.alive


def test_a_worker_that_closes_its_pipe_and_lives_on_is_killed(start: Start) -> None:
    worker = start("say(READY)\nsys.stdin.readline()\nos.close(1)\nstuck_right_here()")
    assert lost(worker).reason == "the worker closed its pipe while it ran and was killed"
    assert not worker.alive


@pytest.mark.parametrize("ending", ["os._exit(1)", "stuck_right_here()"])
def test_what_a_worker_started_dies_with_it(start: Start, tmp_path: Path, ending: str) -> None:
    child = "child = subprocess.Popen(['sleep', '600'], stdout=2)"
    note = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))"
    worker = start(f"say(READY)\nsys.stdin.readline()\nsay(PROGRESS)\n{child}\n{note}\n{ending}")
    lost(worker, timeout=1.0)
    worker.close()
    assert gone(int((tmp_path / "pid").read_text()))


# Hangs


def test_a_hang_costs_its_timeout_and_the_log_says_where_it_hung(start: Start) -> None:
    worker = start(
        "faulthandler.enable()\nsay(READY)\nsys.stdin.readline()\nsay(PROGRESS)\nstuck_right_here()"
    )
    outcome = lost(worker, timeout=0.5)
    assert outcome.reason == "no result within the timeout of 0.5 s while it ran; the worker was killed"
    assert any("in stuck_right_here" in line for line in outcome.log)
    assert not worker.alive


def test_one_that_goes_on_reporting_progress_is_in_time_no_longer_than_others(start: Start) -> None:
    worker = start("say(READY)\nsys.stdin.readline()\nwhile True: say(PROGRESS); time.sleep(0.05)")
    assert "within the timeout of 0.5 s" in lost(worker, timeout=0.5).reason


def test_one_that_will_not_abort_is_killed(start: Start) -> None:
    deaf = "for number in (signal.SIGABRT, signal.SIGTERM, signal.SIGINT): signal.signal(number, signal.SIG_IGN)\n"
    worker = start(f"{deaf}say(READY)\nsys.stdin.readline()\nsay(PROGRESS)\nstuck_right_here()")
    lost(worker, timeout=0.5)
    assert not worker.alive


def test_importing_diffusers_does_not_count_as_the_cases_time(start: Start) -> None:
    worker = start("say(READY)\nsys.stdin.readline()\ntime.sleep(1.5)\nsay(PROGRESS)\nsay(FINISHED)")
    assert ran(worker, timeout=1.0) == DONE


@pytest.mark.parametrize(
    ("script", "when"),
    [("stuck_right_here()", "while starting"), ("say(READY)\nstuck_right_here()", "while it ran")],
)
def test_a_hang_before_the_case_begins_ends_too(
    start: Start, monkeypatch: pytest.MonkeyPatch, script: str, when: str
) -> None:
    monkeypatch.setattr(process, "STARTUP_SECONDS", 1.0)
    assert lost(start(script)).reason == f"no result within the timeout of 1 s {when}; the worker was killed"


# The log


def test_the_log_is_that_of_the_run_alone_without_blank_lines(start: Start) -> None:
    worker = start(
        "log('starting')\nsay(READY)\nsys.stdin.readline()\nlog('the first job')\nsay(FINISHED)\n"
        "sys.stdin.readline()\nlog('the second job')\nlog('  ')\nos.write(2, b'\\xff\\n')\nos._exit(1)"
    )
    assert ran(worker) == DONE
    assert lost(worker).log == ("the second job", "�")


def test_the_log_of_a_worker_before_it_is_not_shown(start: Start, tmp_path: Path) -> None:
    lost(start("log('the first worker')\nos._exit(1)"))
    assert lost(start("log('the second worker')\nos._exit(1)")).log == ("the second worker",)
    assert (tmp_path / "logs" / "worker.log").read_text() == "the first worker\nthe second worker\n"


def test_of_a_long_log_the_last_twenty_lines_are_shown(start: Start) -> None:
    worker = start("say(READY)\nsys.stdin.readline()\nfor n in range(20000): log(n)\nos._exit(1)")
    assert lost(worker).log == tuple(str(number) for number in range(19_980, 20_000))


def test_of_a_crash_the_last_words_and_the_innermost_calls_are_shown(start: Start) -> None:
    worker = start(
        "faulthandler.enable()\nsay(READY)\nsys.stdin.readline()\nlog('last words')\n"
        "def innermost(): os.kill(os.getpid(), signal.SIGSEGV)\n"
        "def deeper(depth): deeper(depth - 1) if depth else innermost()\n"
        "deeper(60)"
    )
    log = lost(worker).log
    assert log[:2] == ("last words", "Fatal Python error: Segmentation fault")
    assert log[2].startswith("Current thread ")
    assert log[3].endswith(" in innermost")
    assert all(line.endswith(" in deeper") for line in log[4:])
    assert len(log) == 22


# Endings


def test_closing_ends_an_idle_worker(start: Start) -> None:
    worker = start(SERVE + "log('the input ended')")
    worker.wait_ready()
    worker.close()
    assert not worker.alive


def test_closing_kills_one_that_stays(start: Start) -> None:
    worker = start("say(READY)\nstuck_right_here()")
    worker.wait_ready()
    worker.close()
    assert not worker.alive


def test_a_kill_from_another_thread_ends_the_run(start: Start) -> None:
    worker = start("say(READY)\nsys.stdin.readline()\nsay(PROGRESS)\nstuck_right_here()")
    begun = threading.Event()
    killer = threading.Thread(target=lambda: (begun.wait(), worker.kill()))
    killer.start()
    outcome = worker.run(Job(case(), "c"), lambda _progress: begun.set())
    killer.join()
    assert isinstance(outcome, Lost)
    assert outcome.reason == "the worker was killed by SIGKILL (often the kernel, out of memory) while it ran"
