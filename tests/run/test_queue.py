"""Runs that share a process and a pipeline go to the same worker in a row, and none is lost or done twice."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from harness.core.case import Determinism, ModelSpec, SchedulerSpec, Variant
from harness.run.queue import Run, RunQueue
from tests.core.samples import case


def run(name: str, number: int = 0, **changes: Any) -> Run:
    return Run(case(id=name, **changes), Path(f"{name}-{number}"), number)


def all_taken(run_queue: RunQueue, worker: int = 0) -> list[str]:
    taken = []
    while (following := run_queue.take(worker)) is not None:
        taken.append(following.case.id)
    return taken


A, B = ModelSpec("builtin:a"), ModelSpec("builtin:b")


def test_runs_of_one_pipeline_come_in_a_row_whatever_the_order_they_were_given() -> None:
    run_queue = RunQueue(
        [run("a1", model=A), run("b1", model=B), run("a2", model=A), run("b2", model=B), run("a3", model=A)]
    )
    assert all_taken(run_queue) == ["a1", "a2", "a3", "b1", "b2"]


@pytest.mark.parametrize(
    "other",
    [
        {"determinism": Determinism(cublas_workspace=":16:8")},
        {"determinism": Determinism(cublas_workspace=None)},
        {"determinism": Determinism(threads=2)},
        {"pipeline": "DDPMPipeline"},
        {"variant": Variant(channels_last=("unet",))},
        {"base": "/elsewhere"},
        {"model": ModelSpec("builtin:ddpm-digits", dtype="float16")},
    ],
    ids=str,
)
def test_what_needs_another_process_or_pipeline_does_not_come_in_between(other: dict[str, Any]) -> None:
    runs = [run("a"), run("b", **other), run("c"), run("d", **other)]
    assert all_taken(RunQueue(runs)) in (["a", "c", "b", "d"], ["b", "d", "a", "c"])


def test_what_shares_the_pipeline_is_sorted_by_name_and_number() -> None:
    scheduled = {"scheduler": SchedulerSpec("DDIMScheduler")}
    run_queue = RunQueue([run("b", 2), run("c", **scheduled), run("b", 1), run("a", seed=7)])
    taken = [run_queue.take(0) for _ in range(4)]
    assert [(item.case.id, item.number) for item in taken if item] == [("a", 0), ("b", 1), ("b", 2), ("c", 0)]


def test_a_worker_stays_with_its_process_as_long_as_there_is_something_for_it() -> None:
    two = Determinism(threads=2)
    run_queue = RunQueue(
        [
            run("a1", model=A),
            run("a2", model=A),
            run("a3", model=A),
            run("b1", model=B),
            *(run(f"c{number}", model=B, determinism=two) for number in (1, 2)),
        ]
    )
    assert all_taken(run_queue) == ["a1", "a2", "a3", "b1", "c1", "c2"]


def test_two_workers_begin_with_different_pipelines_the_longest_row_first() -> None:
    run_queue = RunQueue([run("a", model=A), *(run(f"b{number}", model=B) for number in (1, 2, 3))])
    first, second = run_queue.take(0), run_queue.take(1)
    assert first is not None
    assert second is not None
    assert (first.case.id, second.case.id) == ("b1", "a")


def test_a_worker_without_a_row_of_its_own_helps_with_anothers() -> None:
    run_queue = RunQueue([run("a1"), run("a2"), run("a3")])
    taken = [run_queue.take(worker) for worker in (0, 1, 0, 1)]
    assert [item.case.id if item else None for item in taken] == ["a1", "a2", "a3", None]


def test_of_nothing_there_is_nothing_to_take() -> None:
    assert RunQueue([]).take(0) is None


def test_many_workers_together_take_every_run_once() -> None:
    runs = [run(f"{index:03}", model=A if index % 3 else B) for index in range(300)]
    run_queue, taken = RunQueue(runs), []
    workers = [
        threading.Thread(target=lambda worker=worker: taken.extend(all_taken(run_queue, worker)))
        for worker in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken) == [item.case.id for item in runs]


def test_a_run_that_follows_goes_next_and_nobody_leaves_its_row_before() -> None:
    run_queue = RunQueue([run("a1", model=A), run("a2", model=A), run("b", model=B)], followed=True)
    first = run_queue.take(0)
    assert first is not None
    run_queue.settle(first, run("a1-again", model=A))
    names = ["a1"]
    while (taken := run_queue.take(0)) is not None:
        names.append(taken.case.id)
        run_queue.settle(taken, None)
    assert names == ["a1", "a1-again", "a2", "b"]


def test_a_worker_waits_for_what_may_follow_the_last_run_of_its_row() -> None:
    run_queue, names = RunQueue([run("a", model=A), run("b", model=B)], followed=True), list[str]()
    first = run_queue.take(0)
    assert first is not None
    worker = threading.Thread(target=lambda: names.append(getattr(run_queue.take(0), "case").id))  # noqa: B009
    worker.start()
    worker.join(0.2)
    assert worker.is_alive()
    assert names == []
    run_queue.settle(first, run("a-again", model=A))
    worker.join(10)
    assert names == ["a-again"]


def test_one_that_waits_is_let_go_when_all_is_over() -> None:
    run_queue, taken = RunQueue([run("a")], followed=True), list[object]()
    run_queue.take(0)
    worker = threading.Thread(target=lambda: taken.append(run_queue.take(0)))
    worker.start()
    run_queue.close()
    worker.join(10)
    assert taken == [None]
