"""Workflows of CI services that verify the goldens of a repository."""

from __future__ import annotations

from pathlib import Path

from harness import __version__

SERVICES = {"github": ".github/workflows/goldens.yml", "gitlab": ".gitlab-ci.yml"}
"""The file that each service reads."""

_GITHUB = """\
name: goldens

on:
  push:
    branches: [main]
  pull_request:

permissions:
  contents: read

jobs:
  verify:
    runs-on: ubuntu-latest
    timeout-minutes: 60
    steps:
      - uses: actions/checkout@v4
        with:
          lfs: true
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
      - name: Keep the models of the hub
        uses: actions/cache@v4
        with:
          path: ~/.cache/huggingface
          key: models-${{{{ hashFiles('{configs}/**') }}}}
      - name: Install
        run: {install}
      - name: Verify the goldens
        run: harness verify --junit {out}/junit.xml
      - name: Keep captures and reports
        if: always()
        uses: actions/upload-artifact@v4
        with:
          name: goldens
          path: {out}/
"""

_GITLAB = """\
goldens:
  image: python:3.11
  variables:
    HF_HOME: $CI_PROJECT_DIR/.huggingface
  cache:
    paths: [.huggingface]
  script:
    - {install}
    - harness verify --junit {out}/junit.xml
  artifacts:
    when: always
    paths: [{out}]
    reports:
      junit: {out}/junit.xml
"""


def workflow(service: str, root: Path, configs: str, out: str) -> str:
    """The workflow for a repository at `root`, which installs what the repository says it needs."""
    template = {"github": _GITHUB, "gitlab": _GITLAB}[service]
    return template.format(install=_install(root), configs=configs, out=out)


def _install(root: Path) -> str:
    ours = f"diffusers-goldens=={__version__}"
    if (root / "requirements.txt").is_file():
        return f"pip install -r requirements.txt {ours}"
    project = root / "pyproject.toml"
    if project.is_file() and "[project]" in project.read_text(encoding="utf-8", errors="replace"):
        return f"pip install . {ours}"
    return f"pip install {ours}"
