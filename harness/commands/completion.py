"""`harness completion SHELL`: print the script that completes `harness` in a shell."""

from __future__ import annotations

import argparse
from importlib import import_module

from harness.commands import COMMANDS, load
from harness.config.project import AUTO
from harness.invocation.command import Command
from harness.report.completion.words import CompletedCommand, CompletedOption, Takes
from harness.report.terminal import Screen

SHELLS = ("bash", "zsh", "fish")
"""Each has its file in `report/completion`."""

_DEVICES = (AUTO, "cpu", "cuda", "mps")


def completed_commands() -> tuple[CompletedCommand, ...]:
    """All commands with what they declare; loads the file of each."""
    return tuple(_command(name, summary) for name, summary in COMMANDS.items())


def _command(name: str, summary: str) -> CompletedCommand:
    declared = argparse.ArgumentParser(prog=name)
    for declare in load(name).options:
        declare(declared)
    arguments = [action for action in declared._actions if not action.option_strings]
    options = [action for action in declared._actions if action.option_strings]
    values = tuple(str(one) for action in arguments for one in action.choices or ())
    return CompletedCommand(name, summary, tuple(map(_option, options)), values)


def _option(action: argparse.Action) -> CompletedOption:
    values = _values(action)
    takes: Takes = "nothing" if action.nargs == 0 else "one of" if values else _path(action)
    told = argparse.HelpFormatter("")._expand_help(action) if action.help else ""
    return CompletedOption(tuple(action.option_strings), told, takes, values)


def _values(action: argparse.Action) -> tuple[str, ...]:
    return _DEVICES if action.metavar == "DEVICE" else tuple(map(str, action.choices or ()))


def _path(action: argparse.Action) -> Takes:
    match action.metavar:
        case "DIR":
            return "folder"
        case "FILE" | "PATH":
            return "file"
        case _:
            return "anything"


def _shell(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish; the script says where it belongs"
    )


def _run(arguments: argparse.Namespace, _screen: Screen) -> int:
    shell = import_module(f"harness.report.completion.{arguments.shell}")
    print(shell.script(completed_commands()), end="")
    return 0


COMMAND = Command(_run, (_shell,))
