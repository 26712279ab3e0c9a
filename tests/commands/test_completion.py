"""The scripts of `harness completion`, run by the shells that they are for."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.cli import main
from harness.commands import COMMANDS
from harness.commands.completion import completed_commands


@pytest.fixture
def script(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The script for the shell that the test names."""
    shell = str(request.param)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here")
    assert main(["completion", shell]) == 0
    path = tmp_path / "script"
    path.write_text(capsys.readouterr().out)
    return path


bash = pytest.mark.parametrize("script", ["bash"], indirect=True)


def completed_by_bash(script: Path, *words: str) -> list[str]:
    """What bash offers for the last word, as readline would ask for it."""
    typed = " ".join(map(shlex.quote, ["harness", *words]))
    asked = (
        f"source {shlex.quote(str(script))}; COMP_WORDS=({typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
        '_harness; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "--norc", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@bash
def test_bash_completes_commands(script: Path) -> None:
    assert completed_by_bash(script, "ver") == ["verify"]
    assert completed_by_bash(script, "") == [*COMMANDS, "--help", "--version"]


@bash
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("verify", "--dev"), ["--device"]),
        (("verify", "--device", "c"), ["cpu", "cuda"]),
        # bash makes three words of --device=c, and two of --device=.
        (("verify", "--device", "=", "c"), ["cpu", "cuda"]),
        (("verify", "--device", "="), ["auto", "cpu", "cuda", "mps"]),
        (("--quiet", "verify", "--relation", "same"), ["same", "same-hardware"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("schema", "--"), ["--help"]),
    ],
    ids=" ".join,
)
def test_bash_completes_what_the_command_takes(
    script: Path, words: tuple[str, ...], offered: list[str]
) -> None:
    assert completed_by_bash(script, *words) == offered


@bash
@pytest.mark.parametrize("words", [("verify", ""), ("verify", "--out", ""), ("compare", "a")], ids=" ".join)
def test_bash_leaves_paths_to_readline(script: Path, words: tuple[str, ...]) -> None:
    assert completed_by_bash(script, *words) == []
    assert "complete -o bashdefault -o default -F _harness harness" in script.read_text()


@pytest.mark.parametrize("script", ["fish"], indirect=True)
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("harness ver", ["verify"]),
        ("harness verify --dev", ["--device"]),
        ("harness verify --device c", ["cpu", "cuda"]),
        ("harness completion ", ["bash", "fish", "zsh"]),
    ],
)
def test_fish_completes(script: Path, typed: str, offered: list[str]) -> None:
    asked = f"source {shlex.quote(str(script))}; complete -C {shlex.quote(typed)}"
    done = subprocess.run(["fish", "--no-config", "-c", asked], capture_output=True, text=True, check=True)
    assert sorted(line.partition("\t")[0] for line in done.stdout.splitlines()) == offered
    assert done.stderr == ""


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh_takes_the_script(script: Path) -> None:
    asked = f"autoload -Uz compinit && compinit -D; source {shlex.quote(str(script))}; print $_comps[harness]"
    done = subprocess.run(["zsh", "-f", "-c", asked], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("_harness\n", "")


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh_completes(script: Path) -> None:
    """In a terminal of its own: the line editor of zsh completes nothing without one."""
    session = f"""
zmodload zsh/zpty
zpty line zsh -f -i
zpty -w line "autoload -Uz compinit && compinit -D; source {script}; PROMPT=; print rea''dy"
zpty -r -m line seen '*ready*'
zpty -w -n line $'harness verify --relation=same-\\t--dev\\t'
zpty -r -m line seen '*--device*' && print -r -- $seen
zpty -d line
"""
    done = subprocess.run(
        ["zsh", "-f", "-c", session], capture_output=True, text=True, timeout=60, check=True
    )
    assert "same-hardware" in done.stdout
    assert "--device" in done.stdout


def test_every_option_is_known_with_what_it_takes() -> None:
    verify = next(command for command in completed_commands() if command.name == "verify")
    takes = {option.names[0]: option.takes for option in verify.options}
    assert [takes[name] for name in ("--out", "--json", "--device", "--quiet", "--with", "-h")] == [
        "folder",
        "file",
        "one of",
        "nothing",
        "anything",
        "nothing",
    ]


def test_another_shell_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["completion", "tcsh"])
    assert ended.value.code == 2
    assert "invalid choice: 'tcsh'" in capsys.readouterr().err
