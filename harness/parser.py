"""Builds the command line from what the commands declare; loads only the commands that are used."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from typing import Any

from harness import __version__
from harness.commands import COMMANDS, load


def parsed(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The parsed command line; options that would have no effect end in exit code 2."""
    words = sys.argv[1:] if argv is None else argv
    # No option of `harness` itself takes a value, so the first word without a dash is the command.
    named = [word for word in words if not word.startswith("-")][:1]
    top = parser(named)
    arguments = top.parse_args(words)
    for complaint in load(arguments.command).misuse(arguments):
        top.error(f"{arguments.command}: {complaint}")
    return arguments


class _Parser(argparse.ArgumentParser):
    """Reports bad arguments, which may come from anywhere, in text that no terminal or CI service obeys.

    A command takes its arguments also where options stand between them: `report merge --out DIR A B`.
    """

    _mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it."""
        if self._mixing or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def _print_message(self, message: str, file: Any = None) -> None:
        from harness.report.harmless import harmless

        super()._print_message(harmless(message), file)


def parser(used: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The whole command line; commands other than `used` have only a name and their line in `--help`."""
    top: argparse.ArgumentParser = _Parser(
        prog="harness", description="Prove that diffusers pipelines still compute what they computed before."
    )
    top.add_argument("--version", action="version", version=f"diffusers-goldens {__version__}")
    top.set_defaults(json=None, quiet=False)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        for declare in load(name).options if name in used else ():
            declare(command)
    return top
