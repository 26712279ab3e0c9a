"""Real workers: what befalls one run costs that run alone, and every worker is gone in the end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.capture import CaptureDocument, Completed, Lost, Outcome, Raised, Unavailable
from harness.core.case import Case, Determinism, ModelSpec
from harness.core.messages import Progress
from harness.core.results.next_step import harness_step
from harness.core.variables import DECIDED_BY
from harness.golden.header import read_document
from harness.run.executor import LocalExecutor
from harness.run.pool import WorkerPool
from harness.run.trial import Freshness, Trial
from tests.core.samples import case
from tests.run.processes import appears, gone
from tests.support.starts.in_process import forking

SITE = Path(__file__).with_name("site")
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Observed:
    """An observer that keeps what it is told."""

    started_runs: list[str] = field(default_factory=list)
    finished_runs: list[str] = field(default_factory=list)
    progress: list[tuple[str, Progress]] = field(default_factory=list)

    def started(self, trial: Trial) -> None:
        self.started_runs.append(trial.case.id)

    def progressed(self, trial: Trial, progress: Progress) -> None:
        self.progress.append((trial.case.id, progress))

    def finished(self, trial: Trial, outcome: Outcome) -> None:
        self.finished_runs.append(trial.case.id)


@dataclass(frozen=True)
class Done:
    """The outcomes of several runs by name of the run, and the folder of their captures."""

    folder: Path
    outcomes: Mapping[str, Outcome]
    observed: Observed

    def document(self, name: str) -> CaptureDocument:
        outcome = self.outcomes[name]
        assert isinstance(outcome, Completed), outcome
        assert outcome.path == str(self.folder / f"{name}.safetensors")
        return read_document(Path(outcome.path))

    def lost(self, name: str) -> Lost:
        outcome = self.outcomes[name]
        assert isinstance(outcome, Lost), outcome
        return outcome

    def text(self, name: str, output: str) -> str:
        from safetensors.numpy import load_file

        tensors = load_file(self.folder / f"{name}.safetensors")
        return bytes(tensors[f"output/{output}"]).decode()


def misbehaving(name: str, behave: str = "well", *, timeout: float = 120.0, **changes: Any) -> Case:
    call = {"behave": behave, **changes.pop("call", {})}
    return case(id=name, pipeline="Misbehaving", call=call, timeout=timeout, **changes)


def do(
    folder: Path, cases: Sequence[Case], *, jobs: int = 1, fresh: bool = False, device: str = "cpu"
) -> Done:
    observed = Observed()
    freshness = Freshness.FRESH if fresh else Freshness.SHARED
    trials = [Trial(item, folder / f"{item.id}.safetensors", freshness=freshness) for item in cases]
    with WorkerPool(LocalExecutor(device, folder / "logs"), observed) as pool:
        pairs = list(pool.conduct(trials, jobs))
    assert len(pairs) == len(trials)
    return Done(folder, {trial.case.id: outcome for trial, outcome in pairs}, observed)


@pytest.fixture(scope="module", autouse=True)
def _patched_workers() -> Iterator[None]:
    """Workers inherit a PYTHONPATH that patches them, and variables that cases override."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(SITE), str(ROOT)]))
        for name in DECIDED_BY:
            patch.delenv(name, raising=False)
        patch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
        patch.setenv("OMP_NUM_THREADS", "7")
        patch.setenv("OF_THE_CALLER", "inherited")
        patch.delenv("HARNESS_THREADS", raising=False)
        yield


@pytest.fixture
def _forked_workers() -> Iterator[None]:
    """Workers that need no start: how they begin is not what is tested."""
    with forking(SITE, "OF_THE_CALLER"):
        yield


WELL = {
    "well-a": {},
    "well-b": {"seed": 1},
    "well-c": {"call": {"eta": 1.0}},
    "well-z": {"steps": 3},
}
OVERRIDDEN = ("OMP_NUM_THREADS=7 of the environment is overridden: determinism.threads makes it 1",)
DEAD_AT_START = Lost(
    "the worker exited with code 9 while starting: no libcuda here",
    ("no libcuda here",),
    (harness_step("fix what the log shows, then check", "env"),),
)
DEATHS = ("exit", "hang", "kill", "segfault")


def well(names: Sequence[str] = tuple(WELL)) -> list[Case]:
    return [misbehaving(name, **WELL[name]) for name in names]


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Well-behaved runs among all others, over two workers, each forked where it would be started."""
    folder = tmp_path_factory.mktemp("chaos")
    cases = [
        *well(),
        misbehaving("exit", "exit"),
        misbehaving("hang", "hang", timeout=5.0),
        misbehaving("kill", "kill", call={"note": str(folder / "child")}),
        misbehaving("print", "print"),
        misbehaving("raise", "raise", call={"note": "no such latents"}),
        misbehaving("segfault", "segfault"),
        case(id="out-of-reach", model=ModelSpec("harness-tests/no-such-model")),
        case(id="rejected", call={"promt": "seven"}),
    ]
    with forking(SITE, "OF_THE_CALLER"):
        return do(folder, cases, jobs=2)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The well-behaved runs alone, one worker after the other, each started."""
    folder = tmp_path_factory.mktemp("calm")
    names = ["CUBLAS_WORKSPACE_CONFIG", "OMP_NUM_THREADS", "OF_THE_CALLER", "PYTHONHASHSEED"]
    unset = Determinism(cublas_workspace=None)
    return do(
        folder,
        [
            *well(),
            misbehaving("variables", call={"names": names}),
            misbehaving("unset", call={"names": names}, determinism=unset),
        ],
    )


# What befalls one run


def test_every_run_has_one_outcome_and_is_observed_once(chaos: Done) -> None:
    assert sorted(chaos.observed.started_runs) == sorted(chaos.outcomes)
    assert sorted(chaos.observed.finished_runs) == sorted(chaos.outcomes)


def test_the_others_go_on_in_new_workers(chaos: Done) -> None:
    kinds = {name: outcome.kind for name, outcome in chaos.outcomes.items()}
    assert kinds == {
        **dict.fromkeys([*WELL, "print"], "completed"),
        **dict.fromkeys(DEATHS, "lost"),
        "rejected": "raised",
        "raise": "raised",
        "out-of-reach": "unavailable",
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("exit", "the worker exited with code 7 while it ran"),
        ("kill", "the worker was killed by SIGKILL (often the kernel, out of memory) while it ran"),
        ("segfault", "the worker was killed by SIGSEGV while it ran"),
        ("hang", "no result within the timeout of 5 s while it ran; the worker was killed"),
    ],
)
def test_a_death_says_how_with_the_log_of_that_run_alone(chaos: Done, name: str, reason: str) -> None:
    lost = chaos.lost(name)
    assert lost.reason == reason
    assert [line for line in lost.log if line.startswith("this is ")] == [f"this is {name}"]


@pytest.mark.parametrize(("name", "where"), [("hang", "in stuck_right_here"), ("segfault", "in _segfault")])
def test_the_log_ends_with_the_stack(chaos: Done, name: str, where: str) -> None:
    assert any(where in line for line in chaos.lost(name).log)


def test_an_exception_is_a_result(chaos: Done) -> None:
    raised = chaos.outcomes["raise"]
    assert isinstance(raised, Raised)
    assert raised.message == "ValueError: no such latents"
    assert "misbehaving.py" in raised.traceback


def test_a_model_out_of_reach_is_unavailable(chaos: Done) -> None:
    assert isinstance(chaos.outcomes["out-of-reach"], Unavailable)


def test_an_argument_that_is_not_taken_is_named(chaos: Done) -> None:
    rejected = chaos.outcomes["rejected"]
    assert isinstance(rejected, Raised)
    assert rejected.message.startswith("call.promt = 'seven': ")


def test_what_a_pipeline_prints_is_no_reply(chaos: Done) -> None:
    assert chaos.document("print").sha256["output/images"] == chaos.document("well-a").sha256["output/images"]
    logs = "".join(path.read_text() for path in (chaos.folder / "logs").iterdir())
    assert "a child prints" in logs
    assert "a lie" in logs


def test_what_a_killed_worker_started_is_killed_too(chaos: Done) -> None:
    assert gone(int((chaos.folder / "child").read_text()))


def test_a_run_without_a_result_leaves_no_capture(chaos: Done) -> None:
    captures = {path.stem for path in chaos.folder.glob("*.safetensors*")}
    assert captures == {*WELL, "print"}


def test_the_pipelines_own_progress_is_observed(chaos: Done) -> None:
    mine = [progress for name, progress in chaos.observed.progress if name == "well-z"]
    assert mine[0] == Progress("loading", 0, 0)
    assert mine[-1] == Progress("running", 3, 3)


def test_two_workers_among_crashes_give_the_same_bits_as_one_in_peace(chaos: Done, calm: Done) -> None:
    digests = {name: chaos.document(name).sha256 for name in WELL}
    assert digests == {name: calm.document(name).sha256 for name in WELL}
    assert len({digest["output/images"] for digest in digests.values()}) == len(WELL)


def test_one_worker_keeps_the_pipeline_for_all_cases_of_a_row(calm: Done) -> None:
    loads = [calm.document(name).seconds.load for name in [*WELL, "variables"]]
    # The two rows are `unset` alone, and all others; of each, only the first loads.
    assert sorted(load > 0 for load in loads) == [False] * len(WELL) + [True]
    assert calm.document("unset").seconds.load > 0


# Environment variables


def test_what_a_case_sets_wins_and_everything_else_is_inherited(calm: Done) -> None:
    assert {
        name: calm.text("variables", name) for name in ("CUBLAS_WORKSPACE_CONFIG", "OMP_NUM_THREADS")
    } == {
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "OMP_NUM_THREADS": "1",
    }
    assert calm.text("variables", "OF_THE_CALLER") == "inherited"
    assert calm.text("variables", "PYTHONHASHSEED") == "0"
    document = calm.document("variables")
    assert document.environment.switches.cublas_workspace == ":4096:8"
    assert document.warnings == OVERRIDDEN


def test_null_unsets_what_the_caller_has(calm: Done) -> None:
    document = calm.document("unset")
    assert document.absent == ("CUBLAS_WORKSPACE_CONFIG",)
    assert document.environment.switches.cublas_workspace is None
    assert calm.text("unset", "OF_THE_CALLER") == "inherited"
    assert document.warnings == OVERRIDDEN


# Processes


@pytest.mark.usefixtures("_forked_workers")
def test_fresh_starts_a_process_for_every_run(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    done = do(tmp_path, [misbehaving(name, call={"note": str(note)}) for name in ("a", "b")], fresh=True)
    pids = [int(line) for line in note.read_text().split()]
    assert len(set(pids)) == 2
    assert all(gone(pid) for pid in pids)
    assert done.document("a").sha256 == done.document("b").sha256
    assert all(done.document(name).seconds.load > 0 for name in ("a", "b"))


@pytest.mark.usefixtures("_forked_workers")
def test_closing_the_iterator_kills_all_workers_and_starts_no_other(tmp_path: Path) -> None:
    notes = [tmp_path / name for name in ("hang-a", "hang-b")]
    cases = [
        misbehaving("a-well"),
        *(misbehaving(note.name, "hang", call={"note": str(note)}) for note in notes),
        *(misbehaving(f"later-{number}") for number in range(3)),
    ]
    observed = Observed()
    trials = [Trial(item, tmp_path / f"{item.id}.safetensors") for item in cases]
    outcomes = WorkerPool(LocalExecutor("cpu", tmp_path / "logs"), observed).conduct(trials, 2)
    with contextlib.closing(outcomes):
        first, _ = next(outcomes)
        assert first.case.id == "a-well"
        assert all(appears(note) for note in notes)
    assert all(gone(int(note.read_text())) for note in notes)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and type(thread).__name__ == "_Driver":
            thread.join(timeout=60)
    assert observed.started_runs.count("later-0") == 0
    assert observed.finished_runs == ["a-well"]


PARENT = """
import sys
from pathlib import Path
from harness.run.executor import LocalExecutor
from harness.run.pool import WorkerPool
from harness.run.trial import Trial
from tests.run.test_pool import Observed, misbehaving

folder = Path(sys.argv[1])
case = misbehaving("hang", "hang", call={"note": str(folder / "worker")})
with WorkerPool(LocalExecutor("cpu", folder / "logs"), Observed()) as pool:
    list(pool.conduct([Trial(case, folder / "hang.safetensors")], 1))
"""


def test_a_parent_that_is_killed_leaves_no_worker_behind(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT)
    try:
        assert appears(tmp_path / "worker")
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert gone(int((tmp_path / "worker").read_text()))


def test_a_worker_that_dies_while_starting_is_tried_once_for_all_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_DIES_AT_START", "1")
    done = do(tmp_path, well(["well-a", "well-b", "well-c"]), jobs=2)
    assert done.outcomes == dict.fromkeys(["well-a", "well-b", "well-c"], DEAD_AT_START)
    logs = [path.read_text() for path in (tmp_path / "logs").iterdir()]
    assert "".join(logs).count("no libcuda here") == 1


def test_an_observer_that_fails_ends_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DIES_AT_START", "1")

    class Failing(Observed):
        def finished(self, trial: Trial, outcome: Outcome) -> None:
            raise LookupError(trial.case.id)

    trials = [Trial(item, tmp_path / f"{item.id}.safetensors") for item in well()]
    with WorkerPool(LocalExecutor("cpu", tmp_path / "logs"), Failing()) as pool, pytest.raises(LookupError):
        list(pool.conduct(trials, 1))


@pytest.mark.parametrize("jobs", [0, 1, 3])
def test_of_no_trials_there_are_no_outcomes(tmp_path: Path, jobs: int) -> None:
    assert do(tmp_path, [], jobs=jobs).outcomes == {}
    assert not (tmp_path / "logs").exists()


# From one step of a command to the next


@pytest.mark.usefixtures("_forked_workers")
def test_the_next_step_meets_the_workers_of_the_last_with_what_they_have_loaded(tmp_path: Path) -> None:
    with WorkerPool(LocalExecutor("cpu", tmp_path / "logs"), Observed()) as pool:
        for name in ("first", "second"):
            trial = Trial(misbehaving(name), tmp_path / f"{name}.safetensors")
            [(_, outcome)] = pool.conduct([trial], 1)
            assert isinstance(outcome, Completed), outcome
    loads = [read_document(tmp_path / f"{name}.safetensors").seconds.load for name in ("first", "second")]
    assert [load > 0 for load in loads] == [True, False]


@pytest.mark.usefixtures("_forked_workers")
def test_a_fresh_trial_among_others_has_a_process_of_its_own(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    call = {"note": str(note)}
    shared = [Trial(misbehaving(name, call=call), tmp_path / f"{name}.safetensors") for name in ("a", "b")]
    fresh = replace(shared[0], capture=tmp_path / "fresh.safetensors", freshness=Freshness.FRESH)
    with WorkerPool(LocalExecutor("cpu", tmp_path / "logs"), Observed()) as pool:
        outcomes = {trial.capture: outcome for trial, outcome in pool.conduct([*shared, fresh], 1)}
        # A server to fork from is there by now, so the next worker needs no start of its own.
        [(_, last)] = pool.conduct([replace(shared[0], capture=tmp_path / "later.safetensors")], 1)
    assert all(isinstance(outcome, Completed) for outcome in [*outcomes.values(), last])
    assert len(set(note.read_text().split())) == 3
    documents = {path.stem: read_document(path) for path in tmp_path.glob("*.safetensors")}
    assert documents["a"].process == documents["b"].process == "spawned"
    assert documents["fresh"].process == documents["later"].process == "forked"
    digests = {name: document.sha256["output/images"] for name, document in documents.items()}
    assert digests["a"] == digests["fresh"] == digests["later"]


@pytest.mark.usefixtures("_forked_workers")
def test_a_trial_may_name_another_interpreter(tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\necho "$PYTHONPATH" >>{tmp_path}/places\nexec {sys.executable} "$@"\n')
    other.chmod(0o700)
    here = Trial(misbehaving("here"), tmp_path / "here.safetensors")
    there = Trial(misbehaving("there"), tmp_path / "there.safetensors", python=str(other))
    with WorkerPool(LocalExecutor("cpu", tmp_path / "logs"), Observed()) as pool:
        outcomes = {trial.case.id: outcome for trial, outcome in pool.conduct([here, there], 1)}
    assert all(isinstance(outcome, Completed) for outcome in outcomes.values()), outcomes
    # It gets this package, and nothing that is installed next to it.
    [places] = (tmp_path / "places").read_text().splitlines()
    package = Path(places.split(os.pathsep)[-1])
    assert package.name.startswith("harness-package-")
    assert [path.name for path in package.iterdir()] == ["harness"]


@pytest.mark.usefixtures("_forked_workers")
def test_an_interpreter_that_is_none_is_lost_and_costs_the_others_nothing(tmp_path: Path) -> None:
    here = Trial(misbehaving("here"), tmp_path / "here.safetensors")
    there = Trial(misbehaving("there"), tmp_path / "there.safetensors", python=str(tmp_path / "none"))
    with WorkerPool(LocalExecutor("cpu", tmp_path / "logs"), Observed()) as pool:
        outcomes = {trial.case.id: outcome for trial, outcome in pool.conduct([here, there], 2)}
    assert isinstance(outcomes["here"], Completed)
    lost = outcomes["there"]
    assert isinstance(lost, Lost)
    assert str(tmp_path / "none") in lost.reason
