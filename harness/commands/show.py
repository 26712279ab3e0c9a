"""`harness show`: draw the golden of a case, its last run and what differs, as pictures and sounds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from harness.commands.list import expected_platform
from harness.core.case import Case
from harness.core.results.pictured import PicturedCase
from harness.errors import HarnessError, UsageError
from harness.golden.header import read_document
from harness.golden.store import GoldenStore
from harness.invocation.arguments import configs, device, goldens, out, project, selects, shows
from harness.invocation.command import Command, options_of, reads
from harness.invocation.command_line import command
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.invocation.selection import selected_cases
from harness.report.json_report import pictures_json
from harness.report.terminal import Screen
from harness.trials.captures import capture_path
from harness.trials.picturing import pictured

PICTURES = "pictures"
"""The folder of the pictures in the output folder."""


def show(options: Options, screen: Screen, *, inline: bool) -> int:
    """Returns 0, or 3 if a file or an output could not be drawn; raises UsageError if there is nothing to draw."""
    cases = selected_cases(options, screen)
    store = GoldenStore(options.goldens)
    there = [(case.id, *_files(case, options, store)) for case in cases]
    if not any(golden or capture for _, golden, capture in there):
        names = ", ".join(case.id for case in cases[:3])
        step = command("verify", *options.select)
        raise UsageError(f"{names}: neither a golden nor a run is here; run {step} first")
    folder = options.out / PICTURES
    drawn = [pictured(*one, folder) for one in there if one[1] or one[2]]
    emit_json(pictures_json(drawn), options)
    screen.show_pictures(drawn, inline=inline)
    return _code(drawn)


def _code(drawn: list[PicturedCase]) -> int:
    return HarnessError.exit_code if any(case.problems for case in drawn) else 0


def _files(case: Case, options: Options, store: GoldenStore) -> tuple[Path | None, Path | None]:
    """The golden and the capture of the case, each None if it is not there."""
    capture = capture_path(options.out, case)
    run = capture if capture.is_file() else None
    there = store.platforms(case.id)
    if not there:
        return None, run
    wanted = _platform(run) or expected_platform(options.device)
    fitting = [name for name in there if name == wanted or name.startswith(f"{wanted}-")]
    return store.path(case.id, (fitting or list(there))[0]), run


def _platform(capture: Path | None) -> str:
    """The platform that a capture ran on, "" if it cannot be read."""
    try:
        return read_document(capture).environment.platform if capture else ""
    except HarnessError:
        return ""


def _inline(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--no-inline",
        dest="inline",
        action="store_false",
        help="show no pictures in the terminal, even if it can (kitty, iTerm2, WezTerm, sixels)",
    )


def _misuse(arguments: argparse.Namespace) -> Iterator[str]:
    if not arguments.select:
        yield "name the cases to show: ids, globs or tag:NAME"


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return show(options_of(arguments), screen, inline=arguments.inline)


COMMAND = Command(_run, (selects, project, configs, goldens, out, device, shows, _inline), reads, _misuse)
