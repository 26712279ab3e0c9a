"""The commands as Python functions."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import harness
from harness import api
from harness.core.capture import Lost
from harness.core.results.verdict import Verdict
from tests.support.pretend import VALUES, Pretend, pretend

__all__ = ["pretend"]


@pytest.fixture
def project(pretend: Pretend, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """An empty project in the current folder whose cases take no worker."""
    monkeypatch.chdir(pretend.folder)
    return pretend


def test_what_is_recorded_is_verified(project: Pretend, capfd: pytest.CaptureFixture[str]) -> None:
    project.config("a/one")
    project.config("two")
    recorded = harness.record("a/*", weak_cases=False)
    assert [(one.case, str(one.state)) for one in recorded.cases] == [("a/one", "recorded")]
    report = harness.verify()
    assert [(one.case, str(one.verdict)) for one in report.cases] == [
        ("a/one", "identical"),
        ("two", "no-golden"),
    ]
    assert report.exit_code() == 1
    assert capfd.readouterr() == ("", "")


def test_the_report_is_the_one_that_commands_show(project: Pretend) -> None:
    project.config("one")
    harness.record(weak_cases=False)
    project.values["one"] = VALUES + np.float32(0.5)
    report = harness.verify(["one"])
    assert report.cases[0].verdict is Verdict.DRIFTED
    ran = project.harness("report")
    assert (ran.code, "one   cpu-x86_64  same      drifted" in ran.out) == (1, True)
    assert json.loads((project.folder / "out/report.json").read_text())["finished"] is True


def test_options_reach_the_command(project: Pretend) -> None:
    project.config("one")
    folders = {"goldens": "elsewhere/goldens", "out": project.folder / "elsewhere/out"}
    harness.record(weak_cases=False, **folders)
    assert (project.folder / "elsewhere/goldens/one/cpu-x86_64.safetensors").is_file()
    project.values["one"] = VALUES * np.float32(1 + 1e-6)
    judged = harness.verify(relation="same-hardware", device="cpu", jobs=1, **folders).cases[0]
    assert (str(judged.verdict), str(judged.relation)) == ("within", "same-hardware")
    updated = harness.record(update=True, reason="new scheduler", weak_cases=False, **folders).cases[0]
    assert str(updated.state) == "updated"
    assert "new scheduler" in project.harness("log", "one", "--goldens", "elsewhere/goldens").out


def test_a_project_elsewhere_is_named_by_its_root(
    project: Pretend, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project.config("one")
    (project.folder / "pyproject.toml").write_text('[tool.harness]\nout = "build"\n')
    here = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(here)
    assert harness.record(root=project.folder, weak_cases=False).exit_code() == 0
    assert harness.verify(root=project.folder).exit_code() == 0
    assert (project.folder / "build/report.json").is_file()
    assert list(here.iterdir()) == []
    assert Path.cwd() == here


def test_a_failed_run_is_a_verdict_and_no_exception(project: Pretend) -> None:
    project.config("one")
    project.before = lambda _trial: Lost("the worker died")
    assert harness.verify().exit_code() == 3


def test_two_files_are_compared(project: Pretend) -> None:
    project.config("one")
    harness.record(weak_cases=False)
    golden = project.golden("one")
    assert [str(one.verdict) for one in harness.compare(golden, str(golden))] == ["identical"]
    project.values["one"] = VALUES + np.float32(0.5)
    harness.verify()
    [tensor] = harness.compare(golden, project.capture("one"))
    assert (str(tensor.verdict), tensor.metrics["max_abs"]) == ("drifted", pytest.approx(0.5))


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: harness.verify("two"), "two"),
        (lambda: harness.record(reason=" "), "the reason is empty; say why in a few words"),
        (
            lambda: harness.verify(relation="similar"),
            "relation='similar': not a relation; accepted: same, same-hardware, cross-hardware",
        ),
        (
            lambda: harness.record(device="tpu"),
            "device='tpu': not a device; accepted: auto, cpu, cuda, cuda:N, mps",
        ),
        (
            lambda: harness.compare("a", "b"),
            "a: no such file; name two capture or golden files (.safetensors)",
        ),
        (lambda: harness.verify(root="nowhere"), "nowhere: no such folder"),
    ],
)
def test_bad_input_is_one_error(project: Pretend, call: object, complaint: str) -> None:
    project.config("one")
    with pytest.raises(harness.HarnessError) as told:
        call()  # type: ignore[operator]
    assert complaint in str(told.value)
    assert told.value.exit_code == 2
    assert not (project.folder / "out/report.json").exists()


def test_two_at_a_time_need_two_folders(project: Pretend) -> None:
    project.config("one")
    again = list[str]()

    def within(_trial: object) -> None:
        with pytest.raises(harness.UsageError) as told:
            harness.verify()
        again.append(str(told.value))

    project.before = within
    harness.verify()
    assert "is in use by `harness verify`" in again[0]


def test_what_is_offered_is_listed_for_type_checkers(repo_root: Path) -> None:
    stub = ast.parse((repo_root / "harness/__init__.pyi").read_text())
    imported = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    assert {alias.asname for node in imported for alias in node.names} == set(harness.__all__)
    assert set(harness.__all__) == set(api.__all__)
    assert (repo_root / "harness/py.typed").is_file()
    with pytest.raises(AttributeError, match="module 'harness' has no attribute 'verfy'"):
        _ = harness.verfy  # type: ignore[attr-defined]


def test_import_loads_nothing_else(repo_root: Path) -> None:
    """What an import costs is what it loads: nothing of ours, and nothing that Python has not loaded already."""
    code = (
        "import sys; before = set(sys.modules); import harness; "
        "from harness import __version__, interrupts; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repo_root, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("harness")} == {"harness", "harness.interrupts"}
    assert {name.partition(".")[0] for name in loaded} <= {"harness", *sys.stdlib_module_names}


def test_the_version_is_the_packages(repo_root: Path) -> None:
    project = tomllib.loads((repo_root / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["version"]["path"] == "harness/__init__.py"
    assert f'__version__ = "{harness.__version__}"' in (repo_root / "harness/__init__.py").read_text()
