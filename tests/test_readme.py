"""Every command in README.md is run, and its tables and examples say what the code says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.core.results.verdict import Verdict
from tests.support.project import ROOT, Project
from tests.support.starts import client
from tests.support.variables import without_make

README = (ROOT / "README.md").read_text()
CONSOLE = "".join(re.findall(r"```console\n(.*?)```", README, re.DOTALL)).splitlines()
COMMANDS = [line.strip() for line in CONSOLE if line.strip()]

NAMED = "ddim/cpu-generator"
"""The case that the README's commands name, and the only one of the project in which they are run."""

CONFIG = """\
pipeline: DDIMPipeline
model: {id: "builtin:ddpm-digits"}
steps: 2
seed: 0
call: {output_type: np}
tags: [smoke]
"""
"""The definition of the shipped case of that name, without what makes its runs long, so that its golden fits."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a clone holds and the commands need, with a .venv that is this interpreter.

    Its only case is a short one: that what ships passes is what test_shipped.py is for.
    """
    folder = tmp_path_factory.mktemp("clone")
    for name in ("Makefile", "pyproject.toml", "requirements", ".ci"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, folder / name)
    Project(folder).config(NAMED, CONFIG)
    shutil.copytree(ROOT / "goldens" / NAMED, folder / "goldens" / NAMED)
    binaries = folder / ".venv/bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to(sys.executable)
    python = f"{shlex.quote(sys.executable)} -m tests.support.starts"
    shim = f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {python} "$@"\n'
    (binaries / "harness").write_text(shim)
    (binaries / "harness").chmod(0o755)
    (folder / ".venv/.folder").write_text(f"{folder.resolve()}\n")
    for stamp in (".runtime", ".dev"):
        (folder / ".venv" / stamp).touch()
    return folder


def test_the_readme_starts_with_the_two_commands() -> None:
    assert COMMANDS[:2] == ["make verify", "make record"]


@pytest.mark.parametrize("command", dict.fromkeys(COMMANDS))
def test_the_command_works(clone: Path, command: str) -> None:
    path = os.pathsep.join([str(clone / ".venv/bin"), os.environ["PATH"]])
    done = subprocess.run(
        shlex.split(command),
        cwd=clone,
        env={**without_make(), client.SESSION: client.session(), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    # Judged as if nothing differed, another machine's goldens may drift; everything else must pass.
    allowed = {0, 1} if "--relation same" in command else {0}
    assert done.returncode in allowed, done.stdout + done.stderr


def test_what_the_commands_select_is_shipped() -> None:
    from harness.config.load import load_cases
    from harness.config.select import select

    shipped = load_cases(ROOT / "configs").cases
    words = {word for command in COMMANDS for word in shlex.split(command)}
    named = sorted(word for word in words if re.match("tag:|[a-z]+/", word))
    assert NAMED in named
    for word in named:
        assert NAMED in [case.id for case in select(shipped, [word])]


def test_the_table_of_verdicts_is_the_codes() -> None:
    [table] = re.findall(r"\| verdict \| when \| exit \|\n\|[- |]+\n((?:\|.*\n)+)", README)
    assert re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE) == [str(verdict) for verdict in Verdict]


def test_the_example_config_is_accepted(tmp_path: Path) -> None:
    from harness.config.load import load_cases

    [example] = [text for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "pipeline:" in text]
    assert yaml.safe_load(example)
    (tmp_path / "example.yaml").write_text(example)
    assert [case.id for case in load_cases(tmp_path).cases] == ["example@seed=0", "example@seed=1"]


def test_the_pictures_are_there() -> None:
    pictures = re.findall(r"!\[.*\]\((.*)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)
