"""The command with its real parts; only workers and installed packages are the test's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.upgrade.blame import commission
from harness.upgrade.index import Index
from harness.upgrade.lock import Lock
from tests.golden.builders import environment
from tests.support import workers
from tests.support.project import Project
from tests.support.workers import UNTRACED, FakeWorkers


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorkers:
    project = Project(tmp_path)
    project.config("a", UNTRACED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(commission, "installed", lambda: Lock(environment().software.packages))
    monkeypatch.setattr(commission, "source_trees", Lock)
    monkeypatch.setattr(commission, "configured", Index)
    found = workers.install(monkeypatch)
    assert main(["record", "--no-gates"]) == 0
    return found


def blamed() -> dict[str, Any]:
    main(["blame", "a"])
    (found,) = json.loads(Path("out/blame.json").read_text())["blames"]
    return dict(found)


def test_a_case_that_agrees_has_nothing_to_blame(fake: FakeWorkers) -> None:
    found = blamed()
    assert (found["outcome"], found["runs"]) == ("not-reproduced", 2)
    assert found["sentence"] == "nothing to blame: a gives the same bits at both ends"
    assert [trial.python for trial in fake.pool.conducted[-2:]] == [None, None]


def test_a_case_that_differs_without_a_reason_is_told_so(fake: FakeWorkers) -> None:
    fake.value = 0.75
    found = blamed()
    assert found["outcome"] == "not-reproduced"
    assert (
        "although neither a package nor anything else that its golden records has changed"
        in found["sentence"]
    )


def test_the_runs_are_kept_and_nothing_else(fake: FakeWorkers) -> None:
    blamed()
    done = len(fake.pool.conducted)
    assert blamed()["runs"] == 2
    assert len(fake.pool.conducted) == done
    assert not Path("out/blame").exists()
    assert len(list(Path("cache/runs").iterdir())) == 2


def test_versions_that_do_not_exist_cannot_be_told(
    fake: FakeWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert main(["blame", "a", "--good", "no-such-package==7", "--installer", "pip"]) == 3
    (found,) = json.loads(Path("out/blame.json").read_text())["blames"]
    assert found["outcome"] == "cannot-tell"
    assert found["sentence"].startswith("cannot tell: with the good versions a cannot be resolved:")
    assert "no-such-package" in found["sentence"]


@pytest.mark.parametrize(("words", "told"), [
    (["--good", "x=1"], "--good x=1: no requirement"),
    (["--bad", "./nowhere"], "--bad ./nowhere: no folder of sources"),
    (["--since", "2026-13-01"], "--since 2026-13-01: no date"),
])  # fmt: skip
def test_an_end_that_cannot_be_meant_is_named_by_its_option(
    fake: FakeWorkers, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["blame", "a", *words]) == 2
    assert told in capsys.readouterr().err


# The common options; "SELECT" is the argument


def test_select_and_configs_decide_which_cases_run(fake: FakeWorkers) -> None:
    project = Project(Path.cwd())
    project.config("b", UNTRACED)
    fake.pool.conducted.clear()
    assert main(["blame", "b"]) == 3
    assert fake.cases() == {"b"}
    Path("others").mkdir()
    Path("others/c.yaml").write_text(UNTRACED)
    fake.pool.conducted.clear()
    main(["blame", "c", "--configs", "others"])
    assert fake.cases() == {"c"}


def test_goldens_are_those_of_the_folder(fake: FakeWorkers) -> None:
    assert blamed()["outcome"] == "not-reproduced"
    Path("empty").mkdir()
    assert main(["blame", "a", "--goldens", "empty", "--json", "found.json"]) == 3
    (found,) = json.loads(Path("found.json").read_text())["blames"]
    assert found["outcome"] == "cannot-tell"


def test_the_report_goes_to_the_output_folder(fake: FakeWorkers) -> None:
    main(["blame", "a", "--out", "elsewhere"])
    assert Path("elsewhere/blame.json").is_file()
    assert not Path("out/blame.json").exists()


def test_device_and_jobs_are_those_of_the_workers(fake: FakeWorkers) -> None:
    fake.pool.jobs.clear()
    main(["blame", "a", "--device", "cpu", "--jobs", "2"])
    assert (fake.device, fake.pool.jobs) == ("cpu", [2])


def test_quiet_shows_the_answer_alone(fake: FakeWorkers, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    main(["blame", "a"])
    loud = capsys.readouterr().out
    main(["blame", "a", "--quiet"])
    quiet = capsys.readouterr().out
    assert "nothing to blame" in quiet
    assert "the bad end" in loud
    assert "the bad end" not in quiet
