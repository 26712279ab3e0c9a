"""Pipelines of every family, described by YAML alone: recorded, verified, and caught when a component is patched.

A recording starts two fresh processes for each case. So that the tests stay quick, most goldens here are
accepted from one verify, and one pipeline stands for each family; the tests marked `slow` run at least 60 classes and
record each.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.project import Project, patch_of
from tests.support.tiny.project import write_project
from tests.support.tiny.registry import TinyPipeline, all_tiny

LEAST = 60
RECORDED = ("UnCLIPPipeline", "FluxPipeline", "StableDiffusionXLPipeline", "AudioLDMPipeline")

BRIGHTER_LINEAR = patch_of(
    "torch.nn.modules.linear",
    """\
original = module.Linear.forward
def forward(self, input):
    return original(self, input) * 1.01
module.Linear.forward = forward""",
)


def one_of_each_family() -> list[TinyPipeline]:
    """The first class of every family."""
    entries = [entry for entry in all_tiny() if not entry.needs]
    first = {entry.family: entry for entry in reversed(entries)}
    return [entry for entry in entries if first[entry.family] is entry]


def enough() -> list[TinyPipeline]:
    """The first class of every family, then further ones in order until there are enough."""
    chosen = one_of_each_family()
    rest = [entry for entry in all_tiny() if not entry.needs and entry not in chosen]
    return [*chosen, *rest[: max(0, LEAST - len(chosen))]]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(one_of_each_family, id="families"),
        pytest.param(enough, id="enough", marks=pytest.mark.slow),
    ],
)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The chosen pipelines with their goldens."""
    project = Project(tmp_path_factory.mktemp("families"))
    entries = request.param()
    write_project(entries, project.folder)
    ran = project.harness("record", *RECORDED, "--device", "cpu", "--jobs", "2")
    assert ran.code == 0, ran.out + ran.err
    ran = project.harness("verify", "--allow-missing", "--device", "cpu", "--jobs", "2")
    assert ran.code == 0, ran.out + ran.err
    assert project.harness("accept").code == 0
    assert len(list(project.folder.glob("goldens/**/*.safetensors"))) == len(entries)
    return project


def test_there_are_enough() -> None:
    assert len({entry.name for entry in enough()}) >= LEAST
    assert len({entry.family for entry in one_of_each_family()}) == len({entry.family for entry in enough()})


@pytest.mark.slow
@pytest.mark.parametrize("recorded", [enough], indirect=True, ids=["enough"])
def test_each_is_recorded_bit_identical_twice(recorded: Project) -> None:
    recorded.harness("record", "--update", "--device", "cpu", "--jobs", "2")
    states = {case["case"]: case["state"] for case in recorded.report("record.json")["cases"]}
    assert len(states) >= LEAST
    # The goldens accepted from a worker that served many cases are the bits of fresh processes.
    assert set(states.values()) == {"unchanged"}


def test_each_is_identical_in_the_same_environment_also_after_others_in_one_worker(recorded: Project) -> None:
    ran = recorded.harness("verify", "--device", "cpu", "--jobs", "1")
    assert ran.code == 0, ran.out + ran.err
    assert set(recorded.verdicts().values()) == {"identical"}


def test_each_is_caught_when_a_component_is_patched(recorded: Project, tmp_path: Path) -> None:
    ran = recorded.patch_late(BRIGHTER_LINEAR).harness("verify", "--device", "cpu", "--jobs", "2")
    assert ran.code == 1
    passed = [case for case, verdict in recorded.verdicts().items() if verdict not in ("drifted", "broken")]
    assert passed == []
