"""What the command line knows of a command, and what it loads for it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness import commands
from harness.cli import main
from harness.commands import COMMANDS, load
from harness.invocation.command import Command, Hold, options_of
from harness.invocation.options import Options
from harness.parser import parsed

HEAVY = ("pydantic", "rich", "numpy", "yaml", "torch", "harness.core.results.verdict")

WRITERS = {"record", "verify", "explain", "calibrate", "sensitivity", "repeat", "blame"}

COMPULSORY = {
    "compare": ["a", "b"],
    "diff": ["a"],
    "history": ["a"],
    "rename": ["a", "b"],
    "show": ["a"],
    "completion": ["bash"],
}


def test_each_name_is_a_command() -> None:
    assert all(isinstance(load(name), Command) for name in COMMANDS)


def test_who_holds_the_output_folder() -> None:
    given = {name: parsed([name, *COMPULSORY.get(name, [])]) for name in COMMANDS}
    held = {name: load(name).holds(arguments) for name, arguments in given.items()}
    assert {name for name, hold in held.items() if hold is Hold.WRITING} == WRITERS
    assert {name for name, hold in held.items() if hold is Hold.READING} == {"accept", "reject", "show"}
    assert load("sensitivity").holds(parsed(["sensitivity", "--stored"])) is Hold.NOTHING
    assert load("report").holds(parsed(["report", "merge", "a", "--out", "b"])) is Hold.WRITING


def test_what_is_not_given_keeps_its_default() -> None:
    assert options_of(parsed(["verify"])) == Options()
    given = options_of(parsed(["verify", "a", "--jobs", "2", "--out", "x", "--quiet"]))
    assert given == Options(select=("a",), jobs=2, out=Path("x"), quiet=True)
    assert options_of(parsed(["compare", "a", "b", "--json", "-"])) == Options(json="-")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["verfy"]], ids=" ".join)
def test_what_names_no_command_loads_none(words: list[str]) -> None:
    code = (
        "import sys\nfrom harness.parser import parsed\n"
        f"try:\n    parsed({words!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_new_command_is_a_file_and_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def often(command: argparse.ArgumentParser) -> None:
        command.add_argument("--often", type=int, default=1)

    module = ModuleType("harness.commands.greet")
    module.COMMAND = Command(lambda arguments, _: arguments.often, (often,))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(commands, "COMMANDS", {**COMMANDS, "greet": "say hello"})
    monkeypatch.setattr("harness.parser.COMMANDS", commands.COMMANDS)
    assert main(["greet", "--often", "1"]) == 1
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "    greet" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["greet", "--help"])
    assert capsys.readouterr().out.startswith("usage: harness greet [-h] [--often OFTEN]\n\nSay hello.")
