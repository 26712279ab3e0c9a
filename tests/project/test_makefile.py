"""`make` sets .venv up by itself when it is missing, older than what it was made from, half made or moved."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.variables import without_make

# Stands in for Python, and makes .venvs whose python, harness and pytest are itself. It logs what it is asked
# for, `harness` exits with $HARNESS_CODE, and `pip` kills the script that called it where $PIP says so.
FAKE_PYTHON = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
if [ "$(basename "$0")" = harness ]; then exit "${HARNESS_CODE:-0}"; fi
case "$*" in
    *version_info*) exit "${TOO_OLD:-0}" ;;
    --version) echo "Python 3.9.2" ;;
    "-c import ensurepip, venv") exit "${NO_VENV:-0}" ;;
    "-m venv --clear .venv")
        rm -rf .venv
        mkdir -p .venv/bin
        for name in python harness ruff mypy lint-imports; do cp "$0" ".venv/bin/$name"; done ;;
    *"pip install"*)
        echo "pip says this"
        echo "Collecting torch==2.0"
        if [ -n "${DOWNLOADS:-}" ]; then echo "  Downloading https://an.index/a/torch-2.0.whl (800.1 MB)"; fi
        case "${PIP:-}" in
            fails) exit 1 ;;
            interrupted) kill -KILL "$PPID" ;;
        esac ;;
esac
"""


FAKE_UV = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
echo "certificates: $SSL_CERT_FILE"
echo "Resolved 60 packages in 3ms"
echo "Downloading torch (783.2MiB)" >&2
exit "${UV_CODE:-0}"
"""

CONFIGURED = """
global.index-url='https://one.index/simple'
:env:.find-links='/wheels /more'
global.find-links='/not these'
global.timeout='60'
global.cert='/own.pem'
download.dest='/tmp'
"""


class Project:
    """A copy of the files that set .venv up, with a fake Python that records what it is asked."""

    def __init__(self, root: Path, source: Path) -> None:
        self.root = root / "project"
        self.calls_file = root / "calls"
        self.python = root / "python-fake"
        self.root.mkdir()
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(source / name, self.root)
        for name in (".ci", "requirements"):
            shutil.copytree(source / name, self.root / name)
        for name in ("__init__.py", "errors.py", "upgrade/__init__.py", "upgrade/index.py"):
            # What .ci asks of the package: it runs before anything is installed.
            (self.root / "harness" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / "harness" / name, self.root / "harness" / name)
        self.python.write_text(FAKE_PYTHON, encoding="utf-8")
        self.python.chmod(self.python.stat().st_mode | stat.S_IXUSR)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command, and forget the calls of the one before."""
        self.calls_file.write_text("", encoding="utf-8")
        env: Mapping[str, str] = {
            **without_make(),
            "PYTHON": str(self.python),
            "UV": "",
            "CALLS": str(self.calls_file),
            **variables,
        }
        return subprocess.run(command, cwd=self.root, env=env, text=True, capture_output=True, check=False)

    def make(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run("make", *arguments, **variables)

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text(encoding="utf-8").splitlines()

    @property
    def created(self) -> bool:
        return "python-fake -m venv --clear .venv" in self.calls

    @property
    def installed(self) -> list[str]:
        """The requirements files that pip was given."""
        return [
            call.split()[-1].removeprefix("requirements/") for call in self.calls if "requirements/" in call
        ]

    def touch_later(self, name: str) -> None:
        later = time.time() + 100
        os.utime(self.root / name, (later, later))


@pytest.fixture
def project(repo_root: Path, tmp_path: Path) -> Project:
    return Project(tmp_path, repo_root)


def test_missing_venv_is_made_without_the_tools(project: Project) -> None:
    result = project.make("verify")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "creating .venv (once, a few minutes; log: .venv/install.log)\n"
    assert project.created
    assert project.installed == ["runtime.txt"]
    assert any("pip install" in call and call.endswith("-e .") for call in project.calls)
    assert project.calls[-1] == "harness verify"


def test_venv_that_is_up_to_date_is_left_alone(project: Project) -> None:
    project.make("verify")
    result = project.make("verify")
    assert (result.stdout, project.calls) == ("", ["harness verify"])


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements/runtime.txt"])
def test_outdated_venv_is_brought_up_to_date(project: Project, name: str) -> None:
    project.make("verify")
    project.touch_later(name)
    result = project.make("verify")
    assert result.stdout == "bringing .venv up to date (log: .venv/install.log)\n"
    assert not project.created
    assert project.installed == ["runtime.txt"]


def test_tools_are_added_once_they_are_needed(project: Project) -> None:
    project.make("verify")
    result = project.make("test")
    assert result.stdout == "adding the development tools to .venv (once, a minute; log: .venv/install.log)\n"
    assert not project.created
    assert project.installed == ["dev.txt"]
    assert (
        project.calls[-1]
        == "python -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder"
    )
    project.make("test")
    assert project.calls == [
        "python -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder"
    ]
    project.make("verify")
    assert project.calls == ["harness verify"]


def test_newer_tools_leave_verify_alone(project: Project) -> None:
    project.make("test")
    project.touch_later("requirements/dev.txt")
    project.make("verify")
    assert project.installed == []
    project.make("test")
    assert project.installed == ["dev.txt"]


@pytest.mark.parametrize("command", ["verify", "test"])
def test_interrupted_venv_is_made_afresh(project: Project, command: str) -> None:
    assert project.make(command, PIP="interrupted").returncode != 0
    assert (project.root / ".venv/bin/python").exists()
    result = project.make("verify")
    assert result.returncode == 0, result.stderr
    assert project.created


def test_interrupted_update_is_made_afresh(project: Project) -> None:
    project.make("test")
    project.touch_later("requirements/dev.txt")
    assert project.make("test", PIP="interrupted").returncode != 0
    project.make("verify")
    assert project.created


def test_moved_venv_is_made_afresh(project: Project, tmp_path: Path) -> None:
    project.make("verify")
    project.root = project.root.rename(tmp_path / "moved")
    project.make("verify")
    assert project.created
    project.make("verify")
    assert project.calls == ["harness verify"]


def test_venv_without_its_python_is_made_afresh(project: Project) -> None:
    project.make("verify")
    (project.root / ".venv/bin/python").unlink()
    (project.root / ".venv/bin/python").symlink_to("/no/such/python")
    project.make("verify")
    assert project.created


def test_pip_that_fails_is_shown(project: Project) -> None:
    result = project.make("verify", PIP="fails")
    assert result.returncode == 2
    assert "pip says this" in result.stderr
    assert "pip install -r requirements/runtime.txt: failed (whole log: .venv/install.log)" in result.stderr
    assert "harness verify" not in project.calls


def test_what_is_being_downloaded_is_shown(project: Project) -> None:
    result = project.make("setup", DOWNLOADS="1")
    assert result.stdout.splitlines()[1:] == ["  downloading torch-2.0.whl (800.1 MB)"] * 2
    assert "pip says this" in (project.root / ".venv/install.log").read_text(encoding="utf-8")


@pytest.fixture
def uv(project: Project, tmp_path: Path) -> Path:
    """A fake uv beside a Python whose `pip config list` says CONFIGURED, or what the variable PIP_SAYS names."""
    path = tmp_path / "uv-fake"
    path.write_text(FAKE_UV, encoding="utf-8")
    path.chmod(0o755)
    python = f'exec {shlex.quote(sys.executable)} "$@"'
    answers = f"""    *"pip config list") printf '%s' "$PIP_SAYS" ;;\n    ".ci/uv_command.py "*) {python} ;;\nesac\n"""
    project.python.write_text(FAKE_PYTHON.removesuffix("esac\n") + answers, encoding="utf-8")
    return path


def test_uv_is_used_where_it_is_and_told_what_pip_is_told(project: Project, uv: Path) -> None:
    result = project.make("setup", UV=str(uv), PIP_SAYS=CONFIGURED)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[1:] == ["  downloading torch (783.2MiB)"] * 2
    told = "--index-url=https://one.index/simple --find-links=/wheels --find-links=/more"
    start = f"uv-fake pip install --python .venv/bin/python --index-strategy unsafe-best-match {told}"
    installs = [call for call in project.calls if "pip install" in call]
    assert installs == [
        f"{start} -r requirements/runtime.txt",
        f"{start} --no-deps --no-build-isolation -e .",
    ]
    assert "certificates: /own.pem" in (project.root / ".venv/install.log").read_text(encoding="utf-8")


def test_uv_that_fails_is_shown(project: Project, uv: Path) -> None:
    result = project.make("setup", UV=str(uv), PIP_SAYS="", UV_CODE="2")
    assert result.returncode == 2
    assert "Resolved 60 packages" in result.stderr


@pytest.mark.parametrize(
    "said", ["global.client-cert='/own.pem'", "install.src='c'", ":env:.proxy='http://p'"]
)
def test_pip_is_used_where_uv_cannot_be_told_everything(project: Project, uv: Path, said: str) -> None:
    project.make("setup", UV=str(uv), PIP_SAYS=said)
    assert project.installed == ["runtime.txt"]
    assert not [call for call in project.calls if call.startswith("uv-fake")]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"PYTHON": "no-such-python"},
            "PYTHON=no-such-python: no such command; install Python 3.11 or newer, or name one: make PYTHON=python3.11",
        ),
        (
            {"TOO_OLD": "1"},
            "PYTHON={python}: Python 3.9.2 is too old, 3.11 or newer is needed; name one: make PYTHON=python3.11",
        ),
        (
            {"NO_VENV": "1"},
            "PYTHON={python}: has no venv module; install it (Debian, Ubuntu: apt install python3-venv)"
            " and run make again",
        ),
    ],
    ids=["missing", "too old", "no venv module"],
)
def test_python_that_will_not_do_gets_one_error(
    project: Project, variables: dict[str, str], message: str
) -> None:
    result = project.make("verify", **variables)
    lines = result.stderr.splitlines()
    assert result.returncode == 2
    assert lines[0] == message.format(python=project.python)
    assert [line.split(":")[0] for line in lines[1:]] == ["make"]
    assert not (project.root / ".venv").exists()


def test_oldest_python_is_the_packages(project: Project) -> None:
    declared = tomllib.loads((project.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = tuple(int(part) for part in declared["requires-python"].removeprefix(">=").split("."))
    project.make("verify")
    assert any(f"sys.version_info < {oldest}" in call for call in project.calls)


def test_selection_and_options_are_passed_on(project: Project) -> None:
    (project.root / "ddim.yaml").touch()
    project.make("verify", "SELECT=tag:smoke ddim*", "ARGS=--device cpu")
    assert project.calls[-1] == "harness verify tag:smoke ddim* --device cpu"
    project.make("record", "SELECT=ddim@seed=0,steps=2")
    assert project.calls == ["harness record ddim@seed=0,steps=2"]


def test_failing_verify_fails_make(project: Project) -> None:
    assert project.make("verify", HARNESS_CODE="1").returncode == 2


def test_check_lints_asks_for_the_limits_and_tests(project: Project) -> None:
    project.make("setup")
    project.make("check")
    ran = [call for call in project.calls if "pip" not in call]
    assert ran == [
        "ruff check --quiet",
        "ruff format --check --quiet",
        "mypy ",
        "lint-imports ",
        "harness sensitivity --stored --quiet",
        "python -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder",
        "python -m pytest -q -m network tests/upgrade",
    ]


def test_continuous_integration_runs_the_check(project: Project) -> None:
    result = project.run("bash", ".ci/run")
    assert result.returncode == 0, result.stderr
    assert "lint-imports " in project.calls
    assert project.calls[-2:] == [
        "python -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder",
        "python -m pytest -q -m network tests/upgrade",
    ]


def test_help_names_every_command(project: Project) -> None:
    result = project.make()
    listed = {
        line.split()[0]
        for line in result.stdout.splitlines()
        if line.startswith("  ") and "  " in line.strip()
    }
    commands = [
        "help",
        "verify",
        "record",
        "nightly",
        "test",
        "check",
        "lint",
        "format",
        "zoo",
        "setup",
        "clean",
    ]
    assert listed >= set(commands)
    assert project.calls == []


def test_clean_keeps_goldens_and_nightly_folders(project: Project) -> None:
    project.make("verify")
    for name in ("goldens", "nightly", "out", "harness/__pycache__"):
        (project.root / name).mkdir(parents=True)
    project.make("clean")
    left = {path.name for path in project.root.iterdir()}
    assert left >= {"goldens", "nightly"}
    assert not left & {".venv", "out"}
    assert not (project.root / "harness/__pycache__").exists()


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_nightly_exits_with_the_code_of_verify(project: Project, code: int) -> None:
    result = project.run("sh", ".ci/nightly", "tag:smoke", "--notify", "webhook", HARNESS_CODE=str(code))
    assert result.returncode == code
    assert project.calls[-1] == "harness nightly tag:smoke --notify webhook"


def test_make_nightly_passes_on_selection_and_options(project: Project) -> None:
    assert project.make("nightly", "SELECT=a b", "ARGS=--keep 7").returncode == 0
    assert project.calls[-1] == "harness nightly a b --keep 7"


def test_nightly_without_a_venv_is_an_error(project: Project) -> None:
    assert project.run("sh", ".ci/nightly", PIP="fails").returncode == 3
