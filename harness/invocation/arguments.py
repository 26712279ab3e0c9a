"""The options that several commands share, each declared once; an option of a single command is declared there."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from harness.config.project import AUTO, DEVICE, DEVICES, Jobs
from harness.core.tolerance import Relation

HISTORY = Path("nightly/history.sqlite")
"""Where the nights are remembered, in the root of the project."""


class TakesArguments(Protocol):
    """A parser, or one of its titled groups."""

    def add_argument(self, *names: str, **how: Any) -> argparse.Action:
        """Declare an argument, as argparse does."""


Group = Callable[[argparse.ArgumentParser], None]
"""Declares an option, or a few related ones."""


def selects(command: argparse.ArgumentParser) -> None:
    """Which cases, or which goldens."""
    command.add_argument(
        "select",
        nargs="*",
        metavar="SELECT",
        help="case ids, globs, tag:NAME, or config files; !X leaves out what X selects (default: all)",
    )


def project(command: argparse.ArgumentParser) -> None:
    """The root of the project."""
    command.add_argument(
        "--root",
        type=_folder_name,
        metavar="DIR",
        help="root of the project (default: the nearest folder upwards with configs and goldens, or with "
        "[tool.harness] in its pyproject.toml)",
    )


def configs(command: argparse.ArgumentParser) -> None:
    """The folder of the configs."""
    _folder(command, "--configs", "folder of the configs (default configs, in the root)")


def goldens(command: argparse.ArgumentParser) -> None:
    """The folder of the goldens."""
    _folder(command, "--goldens", "folder of the goldens (default goldens, in the root)")


def out(command: argparse.ArgumentParser) -> None:
    """The folder that captures and reports go to."""
    _folder(command, "--out", "where captures and reports go (default out, in the root)")


def _folder(command: argparse.ArgumentParser, option: str, what: str) -> None:
    command.add_argument(option, type=_folder_name, metavar="DIR", help=what)


def origin(command: argparse.ArgumentParser) -> None:
    """Another finished verify than the one in the output folder."""
    command.add_argument(
        "--from",
        dest="origin",
        type=Path,
        metavar="PATH",
        help="what another verify judged: its report.json, its output folder, or a .zip of that",
    )


def history_file(command: argparse.ArgumentParser) -> None:
    """The file that remembers the nights."""
    command.add_argument(
        "--history",
        type=Path,
        metavar="FILE",
        help=f"the file that remembers the nights (default {HISTORY}, in the root)",
    )


def device(command: argparse.ArgumentParser) -> None:
    """Where the cases run."""
    command.add_argument(
        "--device", type=_device_name, metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps (default auto)"
    )


def jobs(command: argparse.ArgumentParser) -> None:
    """How many workers run at a time."""
    command.add_argument(
        "--jobs",
        type=_jobs_number,
        metavar="N",
        help="worker processes at a time, or auto: as many as the machine takes (default auto)",
    )


def shows(command: argparse.ArgumentParser) -> None:
    """What is shown, and written as JSON."""
    command.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    quiet(command)


def quiet(command: argparse.ArgumentParser) -> None:
    """Less output."""
    command.add_argument("--quiet", action="store_true", help="show failures and the summary only")


def publishes(command: argparse.ArgumentParser) -> None:
    """The forms in which other services read the verdicts."""
    command.add_argument("--junit", type=Path, metavar="FILE", help="write the verdicts as JUnit XML")
    comments(command)


def comments(command: argparse.ArgumentParser) -> None:
    """The forms in which GitHub shows the verdicts."""
    command.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="write the verdicts as Markdown of less than 60 kB; the file that $GITHUB_STEP_SUMMARY names is added to",
    )
    command.add_argument(
        "--no-annotations",
        dest="annotations",
        action="store_false",
        help="in GitHub Actions, print no annotations of failures and warnings",
    )


RUNNING: tuple[Group, ...] = (selects, project, configs, out, device, jobs, shows)
"""The options of every command that runs cases."""


def replays(command: argparse.ArgumentParser) -> None:
    """Forced replay in addition to the plain judgement."""
    command.add_argument(
        "--forced",
        action="store_true",
        help="also judge every component and step by itself, fed with the golden's tensors",
    )


def judges(command: argparse.ArgumentParser) -> None:
    """The relation to judge under."""
    command.add_argument(
        "--relation", type=Relation, choices=list(Relation), metavar="RELATION",
        help="judge as if this relation held: same, same-hardware or cross-hardware",
    )  # fmt: skip


def installs(command: TakesArguments) -> None:
    """How environments of other versions are made."""
    command.add_argument(
        "--installer",
        choices=["auto", "uv", "pip"],
        default="auto",
        help="what makes the environments (default auto)",
    )
    command.add_argument("--allow-sdist", action="store_true", help="build packages that have no wheel")
    command.add_argument("--yes", action="store_true", help="download more than 1 GB without asking")


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option that takes a whole number of at least `least`."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return number


def _jobs_number(text: str) -> Jobs:
    if text == AUTO:
        return AUTO
    try:
        return at_least(1)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, nor {AUTO}") from None


def _folder_name(text: str) -> Path:
    # Path("") is the current folder: `--out "$UNSET"` would write there.
    if not text:
        raise argparse.ArgumentTypeError("the name is empty; name a folder")
    return Path(text)


def _device_name(text: str) -> str:
    if not DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a device; accepted: {DEVICES}")
    return text
