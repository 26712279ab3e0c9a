"""Cases whose model is on the hub, recorded and verified by the real command line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.golden.store import GoldenStore
from tests.hub.conftest import DDPM, UNET, changed
from tests.support.hub_server import HubServer, Repository, files_of, hub
from tests.support.project import TWO_STEPS, Project, Ran

MODEL = "org/digits"
# The same network with its first weights doubled.
OTHER = {**files_of(DDPM), UNET: changed(files_of(DDPM)[UNET])}


@dataclass(frozen=True)
class HubProject:
    """A project with a case at a commit sha and one at a branch, both recorded from the server's first commit."""

    project: Project
    server: HubServer
    repository: Repository
    commit: str

    def verify(self) -> Ran:
        return self.project.harness("verify", "--device", "cpu")

    def cases(self) -> dict[str, dict]:
        return {case["case"]: case for case in self.project.report()["cases"]}


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubProject]:
    for name in ("HF_HUB_OFFLINE", "HF_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with hub() as server:
        repository = server.repository(MODEL, files_of(DDPM))
        commit = repository.resolve("main")
        assert commit
        surroundings = {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "hf")}
        project = Project(tmp_path, {**surroundings, "NO_PROXY": "127.0.0.1,localhost"}, online=True)
        local = TWO_STEPS.replace('id: "builtin:ddpm-digits"', f"id: {MODEL}")
        project.config("pinned", local.replace(MODEL, f"{MODEL}, revision: {commit}"))
        project.config("floating", local)
        ran = project.harness("record", "--device", "cpu", "--jobs", "2")
        assert ran.code == 0, ran.out + ran.err
        yield HubProject(project, server, repository, commit)


def test_a_case_from_the_hub_from_its_recording_to_a_machine_without_the_hub(recorded: HubProject) -> None:
    # One story, since each recording and each verify starts processes that import torch.
    goldens_name_what_was_loaded(recorded)
    identical_while_nothing_moves(recorded)
    identical_from_the_cache_when_the_hub_is_gone(recorded)
    stale_once_the_branch_moved(recorded)
    skipped_without_hub_and_cache(recorded)


def goldens_name_what_was_loaded(recorded: HubProject) -> None:
    store = GoldenStore(recorded.project.folder / "goldens")
    for case in ("pinned", "floating"):
        (platform,) = store.platforms(case)
        document = store.document(store.path(case, platform))
        assert document.commit == recorded.commit
        assert document.weights.keys() == {"unet"}
        assert len(document.weights["unet"]) == 64


def identical_while_nothing_moves(recorded: HubProject) -> None:
    ran = recorded.verify()
    assert ran.code == 0, ran.out + ran.err
    assert recorded.project.verdicts() == {"pinned": "identical", "floating": "identical"}


def identical_from_the_cache_when_the_hub_is_gone(recorded: HubProject) -> None:
    with recorded.server.down():
        ran = recorded.verify()
    assert ran.code == 0, ran.out + ran.err
    assert recorded.project.verdicts() == {"pinned": "identical", "floating": "identical"}
    assert "the hub could not be asked" in ran.out + ran.err


def stale_once_the_branch_moved(recorded: HubProject) -> None:
    second = recorded.repository.commit(OTHER)
    ran = recorded.verify()
    assert ran.code == 1, ran.out + ran.err
    assert recorded.project.verdicts() == {"pinned": "identical", "floating": "stale"}
    reason = recorded.cases()["floating"]["reason"]
    assert reason.startswith("unet: weights sha256 ")
    assert reason.endswith(f"commit {recorded.commit} → {second}")


def skipped_without_hub_and_cache(recorded: HubProject) -> None:
    shutil.rmtree(recorded.project.folder / "hf")
    with recorded.server.down():
        ran = recorded.verify()
    assert ran.code == 0, ran.out + ran.err
    assert recorded.project.verdicts() == {"pinned": "skipped", "floating": "skipped"}
    for case in recorded.cases().values():
        assert case["reason"].startswith(f"{MODEL}: {recorded.server.url} cannot be reached (ConnectError: ")
