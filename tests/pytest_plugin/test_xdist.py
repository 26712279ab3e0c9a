"""The plugin in the processes of pytest-xdist."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.pytest_plugin.results import _without_group
from tests.pytest_plugin.conftest import CONFIG
from tests.support.pretend import VALUES, Pretend

pytest_plugins = ["pytester"]

CONFTEST = """\
import os
from pathlib import Path
import numpy as np
import harness.trials.session as session
from tests.support import pools
from tests.support.pretend import VALUES, Pretend

project = Pretend(Path.cwd())
project.values["other"] = VALUES + np.float32(0.5)

def note(trial):
    with open(os.environ.get("PYTEST_XDIST_WORKER", "alone") + ".runs", "a") as file:
        print(trial.case.id, trial.case.model.id, file=file)

project.before = note
session.WorkerPool = lambda *_given: pools.FakePool(project.outcome)
session.fingerprint = lambda *_given: project.here
"""


@pytest.fixture
def apart(
    recorded: Pretend, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, repo_root: Path
) -> Pretend:
    """The project with a second model and a failing case, for processes of their own."""
    model = 'model: {id: "builtin:sd-digits"}'
    for name in ("text/a", "text/b"):
        text = CONFIG.replace('model: {id: "builtin:ddpm-digits"}', model)
        recorded.config(
            name,
            text.replace("DDIMPipeline", "StableDiffusionPipeline").replace(
                "{output", "{prompt: seven, output"
            ),
        )
    assert recorded.record("text/*").code == 0
    pytester.makeconftest(CONFTEST)
    monkeypatch.setenv("PYTHONPATH", str(repo_root))
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)  # of the session that runs this test
    return recorded


def runs(project: Pretend) -> dict[str, list[list[str]]]:
    """The cases with their models that each process ran, in order."""
    found = sorted(project.folder.glob("*.runs"))
    return {path.stem: [line.split() for line in path.read_text().splitlines()] for path in found}


def test_two_processes_give_the_report_of_verify(apart: Pretend, pytester: pytest.Pytester) -> None:
    """Every run takes seconds here, so this one shows everything."""
    shutil.copytree(apart.folder / "goldens/other", apart.folder / "goldens/gone")
    result = pytester.runpytest_subprocess("-n", "2", "--goldens", "-rf")
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        ["drifted  other  (cpu-x86_64, same)", "FAILED configs/other.yaml::other - *"]
    )
    # The controller alone names it.
    assert len([line for line in result.outlines if "goldens/gone/cpu-x86_64.safetensors" in line]) == 1
    # The cases of a model are in one process.
    models = [{model for _case, model in found} for found in runs(apart).values()]
    assert sorted(map(sorted, models)) == [["builtin:ddpm-digits"], ["builtin:sd-digits"]]
    by_pytest = apart.report()
    again = pytester.runpytest_subprocess("--goldens", "--lf")
    again.assert_outcomes(failed=1)
    assert [case for case, _model in runs(apart)["alone"]] == ["other"]
    apart.values["other"] = VALUES + np.float32(0.5)
    apart.harness("verify")
    by_verify = apart.report()
    for report in (by_pytest, by_verify):
        report.pop("started")
        for case in report["cases"]:
            case.pop("capture"), case.pop("seconds")  # no two runs make the same file
    assert by_pytest == by_verify


def test_what_xdist_appends_is_taken_off() -> None:
    assert _without_group("configs/a@b.yaml::seed=0@builtin:ddpm-digits") == "configs/a@b.yaml::seed=0"
    assert _without_group("configs/a@b.yaml::seed=0") == "configs/a@b.yaml::seed=0"
