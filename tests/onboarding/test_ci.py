"""The workflows install what the repository says it needs, and name its folders."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness import __version__
from harness.onboarding.ci import SERVICES, workflow

OURS = f"diffusers-goldens=={__version__}"


@pytest.mark.parametrize(
    ("files", "install"),
    [
        ({}, f"pip install {OURS}"),
        ({"requirements.txt": "torch\n"}, f"pip install -r requirements.txt {OURS}"),
        ({"pyproject.toml": '[project]\nname = "app"\n'}, f"pip install . {OURS}"),
        # Settings of tools alone are nothing that pip could install.
        ({"pyproject.toml": "[tool.ruff]\n"}, f"pip install {OURS}"),
        (
            {"pyproject.toml": "[project]\n", "requirements.txt": "torch\n"},
            f"pip install -r requirements.txt {OURS}",
        ),
    ],
    ids=["nothing", "requirements", "project", "tools", "both"],
)
def test_it_installs_what_the_repository_needs(tmp_path: Path, files: dict[str, str], install: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert yaml.safe_load(workflow("gitlab", tmp_path, "configs", "out"))["goldens"]["script"][0] == install


def test_github_keeps_models_by_configs_and_what_it_wrote(tmp_path: Path) -> None:
    found = yaml.load(workflow("github", tmp_path, "tests/cases", "build"), Loader=yaml.BaseLoader)
    steps = {step.get("uses", step.get("name")): step for step in found["jobs"]["verify"]["steps"]}
    assert steps["actions/checkout@v4"]["with"] == {"lfs": "true"}
    assert steps["actions/cache@v4"]["with"]["key"] == "models-${{ hashFiles('tests/cases/**') }}"
    assert steps["Verify the goldens"]["run"] == "harness verify --junit build/junit.xml"
    kept = steps["actions/upload-artifact@v4"]
    assert (kept["if"], kept["with"]["path"]) == ("always()", "build/")


def test_gitlab_shows_the_verdicts_and_keeps_what_it_wrote(tmp_path: Path) -> None:
    found = yaml.safe_load(workflow("gitlab", tmp_path, "configs", "build"))["goldens"]
    assert found["script"][1] == "harness verify --junit build/junit.xml"
    assert found["artifacts"] == {
        "when": "always",
        "paths": ["build"],
        "reports": {"junit": "build/junit.xml"},
    }


def test_each_service_reads_its_own_file() -> None:
    assert SERVICES == {"github": ".github/workflows/goldens.yml", "gitlab": ".gitlab-ci.yml"}
