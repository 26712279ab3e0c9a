"""`harness repeat` over the real command line."""

from __future__ import annotations

from harness.golden.header import read_document
from tests.support.project import Project


def test_seeded_is_deterministic(project: Project) -> None:
    ran = project.harness("repeat", "ddim/two", "--runs", "2", "--device", "cpu", "--jobs", "2")
    assert ran.code == 0, ran.out + ran.err
    case = project.report("repeat.json")["cases"][0]
    assert case["deterministic"] is True
    assert [distance["max_abs"] for distance in case["distances"]] == [0.0]


def test_unseeded_is_not_and_every_pair_of_runs_is_measured(project: Project) -> None:
    ran = project.harness("repeat", "unseeded", "--runs", "3", "--device", "cpu", "--jobs", "2")
    assert ran.code == 1
    assert "not deterministic" in ran.out
    distances = project.report("repeat.json")["cases"][0]["distances"]
    assert [(distance["first"], distance["second"]) for distance in distances] == [(1, 2), (1, 3), (2, 3)]
    assert all(distance["max_abs"] > 0.01 for distance in distances)


def test_reused_workers_and_both_kinds_of_flags(project: Project) -> None:
    # One thread whatever the flags: on busy cores threads wait for each other longer than they work.
    ran = project.with_variables(HARNESS_THREADS="1").harness(
        "repeat", "ddim/two", "--runs", "2", "--reuse", "--flags", "both", "--device", "cpu", "--jobs", "2"
    )
    assert ran.code == 0, ran.out + ran.err
    on, off = project.report("repeat.json")["cases"]
    assert [(one["flags"], one["runs"], one["reused"]) for one in (on, off)] == [("on", 4, 2), ("off", 4, 2)]
    assert len(on["distances"]) == len(off["distances"]) == 6
    assert [(one["first"], one["second"]) for one in off["apart"]] == [(1, 1)]
    loads = [_loading_seconds(project, f"repeat-{number}") for number in (1, 2, 3, 4)]
    assert [seconds > 0 for seconds in loads] == [True, True, True, False]


def _loading_seconds(project: Project, name: str) -> float:
    path = project.folder / f"out/captures/ddim/two/{name}.safetensors"
    return read_document(path).seconds.load
