"""`harness rename`: give a case another id, with its config, goldens, and everything beside them."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.config.files import SUFFIXES
from harness.errors import UsageError
from harness.golden.store import GoldenStore
from harness.invocation.arguments import configs, goldens, project, shows
from harness.invocation.command import Command, options_of
from harness.invocation.decision import decision
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.report.terminal import Screen
from harness.report.views.review.rename import rename_json
from harness.review.rename import Names, renamed_goldens, renamed_with_config


def rename(names: Names, options: Options, screen: Screen, *, goldens_only: bool) -> int:
    """Returns 0. Nothing is overwritten; a kill at any moment loses nothing, and the same command completes it.

    Raises UsageError or StoreError, before anything is changed, for what cannot be moved.
    """
    move = renamed_goldens if goldens_only else renamed_with_config
    report = move(names, options.configs, GoldenStore(options.goldens), decision(None))
    emit_json(rename_json(report), options)
    screen.show_renamed(report)
    return 0


def _names(command: argparse.ArgumentParser) -> None:
    command.add_argument("old", metavar="OLD", help="the id of a config's case, or of its whole matrix")
    command.add_argument("new", metavar="NEW", help="its new id: the path of the config without its suffix")
    command.add_argument(
        "--goldens-only",
        action="store_true",
        help="move only what is in the goldens folder, for a config that was already renamed",
    )


def _id(word: str, configs: Path) -> str:
    """The id that `word` means: itself, or for a config's file the path in the configs folder without its suffix.

    Raises UsageError for a file that is not named from the project's root.
    """
    if not word.lower().endswith(SUFFIXES):
        return word
    path = Path(word)
    if not path.is_relative_to(configs):
        raise UsageError(
            f"{word}: is not below {configs}; name the id of a case, or its file from the project's root"
        )
    return path.relative_to(configs).with_suffix("").as_posix()


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    options = options_of(arguments)
    names = Names(_id(arguments.old, options.configs), _id(arguments.new, options.configs))
    return rename(names, options, screen, goldens_only=arguments.goldens_only)


COMMAND = Command(_run, (_names, project, configs, goldens, shows))
