"""Runs that share a process and a pipeline go to the same worker in a row, and none is lost or done twice."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.case import Determinism, ModelSpec, SchedulerSpec, Variant
from harness.run.queue import TrialQueue
from harness.run.trial import Freshness, Trial
from tests.core.samples import case


def run(name: str, number: int = 0, **changes: Any) -> Trial:
    return Trial(case(id=name, **changes), Path(f"{name}-{number}"), number)


def queue_of(trials: Iterable[Trial], *, followed: bool = False) -> TrialQueue:
    found = TrialQueue()
    found.limit(4)
    found.add(trials, followed=followed)
    return found


def all_taken(run_queue: TrialQueue, worker: int = 0) -> list[str]:
    taken = []
    while (following := run_queue.offer(worker)) is not None:
        taken.append(following.case.id)
    return taken


A, B = ModelSpec("builtin:a"), ModelSpec("builtin:b")


def test_runs_of_one_pipeline_come_in_a_row_whatever_the_order_they_were_given() -> None:
    run_queue = queue_of(
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
    assert all_taken(queue_of(runs)) in (["a", "c", "b", "d"], ["b", "d", "a", "c"])


def test_what_shares_the_pipeline_is_sorted_by_name_and_number() -> None:
    scheduled = {"scheduler": SchedulerSpec("DDIMScheduler")}
    run_queue = queue_of([run("b", 2), run("c", **scheduled), run("b", 1), run("a", seed=7)])
    taken = [run_queue.offer(0) for _ in range(4)]
    assert [(item.case.id, item.number) for item in taken if item] == [("a", 0), ("b", 1), ("b", 2), ("c", 0)]


def test_a_worker_stays_with_its_process_as_long_as_there_is_something_for_it() -> None:
    two = Determinism(threads=2)
    run_queue = queue_of(
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
    run_queue = queue_of([run("a", model=A), *(run(f"b{number}", model=B) for number in (1, 2, 3))])
    first, second = run_queue.take(0), run_queue.take(1)
    assert first is not None
    assert second is not None
    assert (first.case.id, second.case.id) == ("b1", "a")


def test_a_worker_without_a_row_of_its_own_helps_with_anothers() -> None:
    run_queue = queue_of([run("a1"), run("a2"), run("a3")])
    taken = [run_queue.offer(worker) for worker in (0, 1, 0, 1)]
    assert [item.case.id if item else None for item in taken] == ["a1", "a2", "a3", None]


def test_of_nothing_there_is_nothing_to_take() -> None:
    assert queue_of([]).offer(0) is None


def test_many_workers_together_take_every_run_once() -> None:
    runs = [run(f"{index:03}", model=A if index % 3 else B) for index in range(300)]
    run_queue, taken = queue_of(runs), []
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
    run_queue = queue_of([run("a1", model=A), run("a2", model=A), run("b", model=B)], followed=True)
    first = run_queue.take(0)
    assert first is not None
    run_queue.settle(first, run("a1-again", model=A))
    names = ["a1"]
    while (taken := run_queue.offer(0)) is not None:
        names.append(taken.case.id)
        run_queue.settle(taken, None)
    assert names == ["a1", "a1-again", "a2", "b"]


def test_a_worker_waits_for_what_may_follow_the_last_run_of_its_row() -> None:
    run_queue, names = queue_of([run("a", model=A), run("b", model=B)], followed=True), list[str]()
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
    run_queue, taken = queue_of([run("a")], followed=True), list[object]()
    run_queue.take(0)
    worker = threading.Thread(target=lambda: taken.append(run_queue.take(0)))
    worker.start()
    run_queue.close()
    worker.join(10)
    assert taken == [None]


def test_workers_wait_for_the_trials_of_the_next_step() -> None:
    run_queue, names = queue_of([]), list[str]()
    worker = threading.Thread(target=lambda: names.append(getattr(run_queue.take(0), "case").id))  # noqa: B009
    worker.start()
    worker.join(0.2)
    assert worker.is_alive()
    run_queue.add([run("later")])
    worker.join(10)
    assert names == ["later"]


def test_a_worker_beyond_the_limit_is_sent_away_and_its_row_is_free() -> None:
    def alone(name: str, model: ModelSpec) -> Trial:
        return replace(run(name, model=model), freshness=Freshness.ONE_WORKER)

    run_queue = queue_of([alone("a1", A), alone("b1", B)])
    assert {run_queue.take(worker).case.id for worker in (0, 1)} == {"a1", "b1"}  # type: ignore[union-attr]
    run_queue.limit(1)
    run_queue.add([alone("a2", A), alone("b2", B)])
    assert run_queue.take(1) is None
    assert sorted(all_taken(run_queue)) == ["a2", "b2"]


def test_one_worker_does_the_whole_row_that_asks_for_it() -> None:
    together = [replace(run(f"a{number}"), freshness=Freshness.ONE_WORKER) for number in (1, 2, 3)]
    run_queue = queue_of([*together, run("b", model=B)])
    first, second = run_queue.offer(0), run_queue.offer(1)
    assert first is not None
    assert second is not None
    assert (first.case.id, second.case.id) == ("a1", "b")
    assert run_queue.offer(1) is None
    assert all_taken(run_queue, 0) == ["a2", "a3"]


def test_fresh_trials_stand_in_the_row_of_their_case() -> None:
    fresh = [
        replace(run(name, number, model=model), freshness=Freshness.FRESH)
        for number in (1, 2)
        for name, model in (("a", A), ("b", A))
    ]
    run_queue = queue_of(fresh)
    taken = [run_queue.offer(worker) for worker in (0, 1, 0, 1)]
    assert [(one.case.id, one.number) for one in taken if one] == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
