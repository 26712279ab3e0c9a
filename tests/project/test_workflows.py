"""The workflows parse, call the project's own commands, and let verify's exit code through."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

Step = dict[str, object]


def workflow(repo_root: Path, name: str) -> dict[str, object]:
    # BaseLoader keeps every scalar a string: YAML 1.1 would read the key `on` as True.
    text = (repo_root / ".github/workflows" / name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.BaseLoader)


def steps(job: dict[str, object]) -> list[Step]:
    return list(job["steps"])


@pytest.mark.parametrize("name", ["ci.yml", "nightly.yml", "weekly.yml"])
def test_each_job_is_complete(repo_root: Path, name: str) -> None:
    found = workflow(repo_root, name)
    assert found["permissions"] == {"contents": "read"}
    for job in found["jobs"].values():
        assert {"runs-on", "steps", "timeout-minutes"} <= job.keys()
        assert all(("uses" in step) != ("run" in step) for step in steps(job))
        assert not any("continue-on-error" in item for item in (job, *steps(job)))


@pytest.mark.parametrize("name", ["ci.yml", "nightly.yml", "weekly.yml"])
def test_actions_are_pinned_by_major_version(repo_root: Path, name: str) -> None:
    used = [
        step["uses"]
        for job in workflow(repo_root, name)["jobs"].values()
        for step in steps(job)
        if "uses" in step
    ]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in used), used


def test_ci_runs_the_one_check(repo_root: Path) -> None:
    found = workflow(repo_root, "ci.yml")
    assert set(found["on"]) == {"push", "pull_request"}
    browser = "make .venv/.dev\n.venv/bin/playwright install --with-deps chromium\n"
    run = [step["run"] for step in steps(found["jobs"]["check"]) if "run" in step]
    assert run == [browser, "make check"]


def test_nightly_runs_on_a_schedule_and_on_demand(repo_root: Path) -> None:
    triggers = workflow(repo_root, "nightly.yml")["on"]
    assert set(triggers) == {"schedule", "workflow_dispatch"}
    assert all(len(entry["cron"].split()) == 5 for entry in triggers["schedule"])


@pytest.mark.parametrize(("job", "device"), [("cpu", "cpu"), ("gpu", "cuda")])
def test_nightly_step_is_the_script_alone(repo_root: Path, job: str, device: str) -> None:
    """A pipe or a second command would replace the script's exit code."""
    commands = [
        step["run"] for step in steps(workflow(repo_root, "nightly.yml")["jobs"][job]) if "run" in step
    ]
    assert commands == [f"sh .ci/nightly --device {device}"]


def test_the_evidence_of_portable_runs_has_its_emulator(repo_root: Path) -> None:
    commands = [
        step["run"] for step in steps(workflow(repo_root, "nightly.yml")["jobs"]["portable"]) if "run" in step
    ]
    installed, short, whole = commands
    assert installed.endswith("apt-get install -y qemu-user")
    assert short == 'make test ARGS="-m slow tests/project/test_portable_evidence.py"'
    assert (repo_root / "tests/project/test_portable_evidence.py").is_file()
    assert os.access(repo_root / whole, os.X_OK)


def test_the_evidence_from_a_gpu_is_tried_every_week(repo_root: Path) -> None:
    found = workflow(repo_root, "weekly.yml")
    assert {"schedule", "workflow_dispatch"} <= set(found["on"])
    commands = [step["run"] for step in steps(found["jobs"]["gpu-evidence"]) if "run" in step]
    files = ("tests/project/test_gpu_evidence_whole.py", "tests/worker/test_on_a_device.py")
    assert commands == [f'make test ARGS="-m slow {path}"' for path in files]
    assert all("mark.slow" in (repo_root / path).read_text() for path in files)


def test_the_slow_tests_that_are_named_are_there(repo_root: Path) -> None:
    job = workflow(repo_root, "nightly.yml")["jobs"]["slow-tests"]
    [command] = [step["run"] for step in steps(job) if "run" in step]
    folders = command.removeprefix('make test ARGS="-m slow ').removesuffix('"').split()
    assert folders == ["tests/pipelines", "tests/outside/leaks"]
    for folder in folders:
        assert any("mark.slow" in path.read_text() for path in (repo_root / folder).glob("test_*.py"))


@pytest.mark.parametrize(
    ("job", "folder"), [("cpu", "nightly/"), ("gpu", "nightly/"), ("portable", "out/portable/")]
)
def test_nightly_keeps_the_folder_also_after_a_failure(repo_root: Path, job: str, folder: str) -> None:
    last = steps(workflow(repo_root, "nightly.yml")["jobs"][job])[-1]
    assert last["uses"].startswith("actions/upload-artifact@")
    assert last["if"] == "always()"
    assert last["with"]["path"] == folder


def test_gpu_job_waits_for_its_variable(repo_root: Path) -> None:
    jobs = workflow(repo_root, "nightly.yml")["jobs"]
    assert jobs["gpu"]["if"] == "vars.GOLDENS_GPU == 'true'"
    assert jobs["gpu"]["runs-on"] == ["self-hosted", "gpu"]
    assert jobs["cpu"]["runs-on"] == "ubuntu-latest"
    kept = [step for job in jobs.values() for step in steps(job) if "upload-artifact" in step.get("uses", "")]
    names = [step["with"]["name"] for step in kept]
    assert len(set(names)) == len(names), "two artifacts of one run must not share a name"


def test_python_is_the_oldest_supported(repo_root: Path) -> None:
    pyproject = (repo_root / "pyproject.toml").read_text(encoding="utf-8")
    oldest = re.search(r'requires-python = ">=(.*)"', pyproject)[1]
    for name in ("ci.yml", "nightly.yml"):
        for job in workflow(repo_root, name)["jobs"].values():
            (setup,) = [
                step for step in steps(job) if step.get("uses", "").startswith("actions/setup-python@")
            ]
            assert setup["with"]["python-version"] == oldest
            assert list(repo_root.glob(setup["with"]["cache-dependency-path"]))


def test_pre_commit_hooks_come_from_the_project(repo_root: Path) -> None:
    settings = yaml.safe_load((repo_root / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in settings["repos"]] == ["local"]
    entries = [hook["entry"].split()[0] for hook in settings["repos"][0]["hooks"]]
    assert entries == [".venv/bin/ruff", ".venv/bin/ruff", ".venv/bin/mypy", ".venv/bin/lint-imports"]


@pytest.mark.parametrize("name", ["run", "nightly", "install"])
def test_scripts_are_executable(repo_root: Path, name: str) -> None:
    assert os.access(repo_root / ".ci" / name, os.X_OK)
