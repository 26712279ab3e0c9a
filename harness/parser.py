"""The command line's words: each command with the options that it obeys, and no others."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from harness import __version__
from harness.config.project import AUTO, DEVICE, DEVICES, Jobs
from harness.core.tolerance import Relation

Group = Callable[[argparse.ArgumentParser], None]
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def parsed(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; one that asks for what it would not do ends in exit code 2."""
    top = parser()
    arguments = top.parse_args(argv)
    for complaint in _without_effect(arguments):
        top.error(f"{arguments.command}: {complaint}")
    return arguments


class _Parser(argparse.ArgumentParser):
    """Complains about arguments, which may come from anywhere, in words that no terminal or CI service obeys."""

    def _print_message(self, message: str, file: Any = None) -> None:
        from harness.report.wording import harmless

        super()._print_message(harmless(message), file)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top: argparse.ArgumentParser = _Parser(
        prog="harness", description="Prove that diffusers pipelines still compute what they computed before."
    )
    top.add_argument("--version", action="version", version=f"diffusers-goldens {__version__}")
    top.set_defaults(json=None, quiet=False)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_running(commands)
    _add_measuring(commands)
    _add_reading(commands)
    return top


def _without_effect(arguments: argparse.Namespace) -> Iterator[str]:
    """What was asked for and would have no effect beside the rest."""
    if arguments.command == "sensitivity" and arguments.stored:
        given = {"--device": arguments.device, "--jobs": arguments.jobs, "--no-ladder": arguments.no_ladder}
        if ignored := [option for option, value in given.items() if value]:
            yield f"--stored runs nothing; leave out {', '.join(ignored)}"
    if arguments.command == "env":
        yield from _without_effect_on_env(arguments)


def _without_effect_on_env(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.portable:
        if arguments.right is not None:
            yield "--portable compares this machine with one file; name one, or none"
        if arguments.device is not None:
            yield "--portable is about the CPU; leave out --device"
        return
    if arguments.all:
        yield "--all is for the table of --portable; leave it out"
    if arguments.left is not None:
        if arguments.right is None:
            yield "name two files to compare, or none"
        if arguments.device is not None:
            yield "--device is for this machine's fingerprint; leave it out, or the files"


def _add_running(commands: _Commands) -> None:
    record = _command(
        commands, "record", "run each case twice and store what came out bit-identical", *_RUNNING, _goldens
    )
    record.add_argument(
        "--update", action="store_true", help="replace goldens that exist, and print what changed"
    )
    record.add_argument(
        "--no-gates",
        action="store_true",
        help="skip the runs that show what makes a case a bad judge (rounding that grows, inputs without effect)",
    )
    verify = _command(
        commands, "verify", "run the cases and judge them against their goldens", *_RUNNING, _goldens, _judges
    )
    verify.add_argument("--allow-missing", action="store_true", help="a case without a golden passes")
    verify.add_argument("--strict", action="store_true", help="a skipped case fails")
    _replays(verify)
    verify.add_argument("--junit", type=Path, metavar="FILE", help="write the verdicts as JUnit XML")
    explain = _command(
        commands,
        "explain",
        "run cases and say where their difference began, and why",
        *_RUNNING,
        _goldens,
        _judges,
        _replays,
    )
    explain.add_argument(
        "--deep", action="store_true", help="look into the network it began in, and name the module"
    )


def _add_measuring(commands: _Commands) -> None:
    what = "measure the noise that is legitimate, and set limits from it"
    _command(commands, "calibrate", what, *_RUNNING, _goldens)
    what = "plant faults in the cases, and see which their limits catch"
    sensitivity = _command(commands, "sensitivity", what, *_RUNNING, _goldens)
    sensitivity.add_argument(
        "--no-ladder", action="store_true", help="plant each fault at one strength; skip the smallest ones"
    )
    sensitivity.add_argument(
        "--stored",
        action="store_true",
        help="run nothing; judge what was kept beside the goldens, as long as it still speaks of these limits",
    )
    what = "run cases N times in fresh processes: deterministic or not"
    repeat = _command(commands, "repeat", what, *_RUNNING)
    repeat.add_argument("--runs", type=_at_least(2), default=3, metavar="N", help="how many runs (default 3)")
    repeat.add_argument(
        "--reuse", action="store_true", help="as many runs again in one worker, compared with the others"
    )
    repeat.add_argument(
        "--flags",
        choices=["on", "off", "both"],
        default="on",
        help="run with the case's deterministic switches, without any, or both (default on)",
    )


def _add_reading(commands: _Commands) -> None:
    what = "show the cases with device, tolerance and golden state"
    _command(commands, "list", what, _selects, _project, _configs, _goldens, _device, _shows)
    compare = _command(commands, "compare", "the metrics between two capture or golden files", _shows)
    compare.add_argument("left", type=Path, metavar="A")
    compare.add_argument("right", type=Path, metavar="B")
    what = "make what the last verify judged the goldens"
    _command(commands, "accept", what, _selects, _project, _configs, _goldens, _out, _shows)
    report = _command(commands, "report", "show the report of the last verify again", _project, _out, _shows)
    report.add_argument("--junit", type=Path, metavar="FILE", help="write it as JUnit XML")
    report.add_argument("--markdown", type=Path, metavar="FILE", help="write it as Markdown")
    what = "list goldens that belong to no case, and fail if there are any"
    prune = _command(commands, "prune", what, _selects, _project, _configs, _goldens, _shows)
    prune.add_argument("--delete", action="store_true", help="delete them")
    prune.add_argument(
        "--all",
        action="store_true",
        help="delete them even if they are most of the store or may belong to other configs",
    )
    env = _command(
        commands, "env", "the fingerprint of this machine, or what differs between two", _device, _shows
    )
    env.add_argument(
        "left", type=Path, nargs="?", metavar="A", help="a golden, a capture or a saved fingerprint"
    )
    env.add_argument("right", type=Path, nargs="?", metavar="B")
    env.add_argument(
        "--portable",
        action="store_true",
        help="whether this machine computes what every portable one does; with A, what A's did (exit code 1 if not)",
    )
    env.add_argument("--all", action="store_true", help="with --portable: show every operation of the table")
    _command(commands, "schema", "print the JSON Schema of a config file")


def _command(commands: _Commands, name: str, summary: str, *options: Group) -> argparse.ArgumentParser:
    """A command with the common options that it obeys, and no others."""
    command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    for add in options:
        add(command)
    return command


def _selects(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "select",
        nargs="*",
        metavar="SELECT",
        help="case ids, globs, tag:NAME, or config files; !X leaves out what X selects (default: all)",
    )


def _project(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--root",
        type=_folder_name,
        metavar="DIR",
        help="root of the project (default: the nearest folder upwards with configs and goldens, or with "
        "[tool.harness] in its pyproject.toml)",
    )


def _configs(command: argparse.ArgumentParser) -> None:
    _folder(command, "--configs", "folder of the configs (default configs, in the root)")


def _goldens(command: argparse.ArgumentParser) -> None:
    _folder(command, "--goldens", "folder of the goldens (default goldens, in the root)")


def _out(command: argparse.ArgumentParser) -> None:
    _folder(command, "--out", "where captures and reports go (default out, in the root)")


def _folder(command: argparse.ArgumentParser, option: str, what: str) -> None:
    command.add_argument(option, type=_folder_name, metavar="DIR", help=what)


def _device(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device", type=_device_name, metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps (default auto)"
    )


def _jobs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--jobs",
        type=_jobs_number,
        metavar="N",
        help="worker processes at a time, or auto: as many as the machine takes (default auto)",
    )


def _shows(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    _quiet(command)


def _quiet(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quiet", action="store_true", help="show failures and the summary only")


_RUNNING: tuple[Group, ...] = (_selects, _project, _configs, _out, _device, _jobs, _shows)
"""The options of every command that runs cases."""


def _replays(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--forced",
        action="store_true",
        help="judge every component and step by itself as well, fed with the golden's tensors",
    )


def _judges(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--relation", type=Relation, choices=list(Relation), metavar="RELATION",
        help="judge as if this relation held: same, same-hardware or cross-hardware",
    )  # fmt: skip


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return number


def _jobs_number(text: str) -> Jobs:
    if text == AUTO:
        return AUTO
    try:
        return _at_least(1)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, nor {AUTO}") from None


def _folder_name(text: str) -> Path:
    # Path("") is the current folder: `--out "$UNSET"` would write there.
    if not text:
        raise argparse.ArgumentTypeError("'' names no folder; name one")
    return Path(text)


def _device_name(text: str) -> str:
    if not DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no device; accepted: {DEVICES}")
    return text
