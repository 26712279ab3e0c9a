"""`harness repeat` over the real command line."""

from __future__ import annotations

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
