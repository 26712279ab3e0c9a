"""`harness env`: show the fingerprint of this machine, what differs between two, or the kept environments."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from harness.codec import why_not
from harness.config.project import find
from harness.core.capture import Lost
from harness.core.case import Determinism
from harness.core.environment import Environment, changes_between
from harness.core.messages import Ready
from harness.core.portable.known_answers import Proof, answers_of, builds
from harness.errors import HarnessError, UsageError
from harness.golden.header import read_document
from harness.invocation.arguments import device, shows
from harness.invocation.command import Command, options_of
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.report import json_report
from harness.report.reason_words import step_words
from harness.report.terminal import Screen
from harness.run.fingerprint import fingerprint, first_word

_NAME_ONE = "name a golden, a capture, or a file saved by `harness env --json`"


def show_environment(options: Options, screen: Screen) -> int:
    """Print (and save with --json) the fingerprint of a worker on the selected device; leaves no other files behind."""
    with TemporaryDirectory(prefix="harness-env-") as logs:
        here = fingerprint(options.device, Path(logs))
    if isinstance(here, Lost):
        raise no_fingerprint(here, options.device)
    emit_json(json_report.environment_json(here), options)
    screen.show_environment(here)
    return 0


def compare_environments(left: Path, right: Path, options: Options, screen: Screen) -> int:
    """Print (and save with --json) what differs between the environments of two goldens or saved fingerprints."""
    changes = changes_between(read_fingerprint(left), read_fingerprint(right), imported=True)
    emit_json(json_report.changes_json(changes), options)
    screen.show_changes(changes, str(left), str(right))
    return 0


def show_kept(options: Options, screen: Screen, *, prune: bool = False, everything: bool = False) -> int:
    """Print (and save with --json) the environments of other versions that are kept.

    With `prune`, first remove some until the rest is below the limit, or with `everything` all that no command uses.
    """
    from harness.report.views.environments import kept_json  # imported lazily: a fingerprint needs none of it
    from harness.upgrade.environments import default_root
    from harness.upgrade.listing import listed, pruned
    from harness.upgrade.lock import installed

    root, here = default_root(), installed()
    report = pruned(root, here, everything=everything) if prune else listed(root, here)
    emit_json(kept_json(report), options)
    screen.show_kept(report)
    return 0


def no_fingerprint(lost: Lost, device: str) -> HarnessError:
    """The error that ends the command if no worker reported its environment."""
    if lost.next_steps:
        return HarnessError("\n".join([lost.reason, *lost.log, f"next: {step_words(lost.next_steps)}"]))
    return HarnessError("\n".join([f"{device}: {lost.reason}", *lost.log]))


def read_fingerprint(path: Path) -> Environment:
    """The environment in a golden, a capture or a saved fingerprint; raises UsageError if the file is none of these."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file; {_NAME_ONE}")
    if path.suffix == ".safetensors":
        return read_document(path).environment
    content = path.read_bytes()
    try:
        return json_report.read_environment(content, str(path))
    except ValidationError as error:
        raise UsageError(f"{path}: holds no fingerprint ({why_not(error, content)}); {_NAME_ONE}") from error


_DEVICE = "cpu"

_NOT_RECORDED = "it holds no known answers: it was not recorded by a portable run"


def show_proof(file: Path | None, options: Options, screen: Screen, *, everything: bool) -> int:
    """Print (and save with --json) the table; returns 0 if this machine is portable and agrees with `file`, if given.

    It shows only the operations that differ, or all with `everything`. Raises HarnessError if no worker starts,
    UsageError if `file` holds no fingerprint.
    """
    golden = read_fingerprint(file) if file else None
    with TemporaryDirectory(prefix="harness-env-") as logs:
        ready = first_word(Determinism(portable=True), _DEVICE, Path(logs))
    if isinstance(ready, Lost):
        raise no_fingerprint(ready, _DEVICE)
    proof = _proof(ready, golden, file)
    emit_json(json_report.proof_json(proof), options)
    screen.show_proof(proof, everything=everything)
    return 0 if proof.holds else 1


def _proof(ready: Ready, golden: Environment | None, file: Path | None) -> Proof:
    here = ready.environment
    if here is None:
        raise HarnessError(f"{_DEVICE}: {ready.reason}")
    return Proof(
        portable=here.switches.portable,
        reason=here.not_portable or "",
        cpu=here.hardware.cpu_model or here.hardware.machine,
        builds=builds(here.software),
        remembered=ready.remembered,
        answers=answers_of(here, golden),
        golden=str(file) if file else None,
        golden_reason=_golden_reason(golden) if golden else "",
    )


def _golden_reason(golden: Environment) -> str:
    return "" if golden.switches.portable else golden.not_portable or _NOT_RECORDED


def _own_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "left", type=Path, nargs="?", metavar="A", help="a golden, a capture or a saved fingerprint"
    )
    command.add_argument("right", type=Path, nargs="?", metavar="B")
    command.add_argument(
        "--portable",
        action="store_true",
        help="check whether this machine computes the same bits as every portable one and, with A, as A's machine "
        "(exit code 1 if not)",
    )
    command.add_argument(
        "--environments",
        action="store_true",
        help="list the environments that `verify --with` made: size, last use, and what differs in them",
    )
    command.add_argument(
        "--prune",
        action="store_true",
        help="remove those that were not used for longest, until the rest takes at most HARNESS_CACHE_LIMIT "
        "(default 20GB)",
    )
    command.add_argument(
        "--all",
        action="store_true",
        help="with --portable: show every operation of the table; with --prune: remove every environment",
    )


def _misuse(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.environments or arguments.prune:
        yield from _misused_environments(arguments)
        return
    if arguments.portable:
        if arguments.right is not None:
            yield "--portable compares this machine with one file; name one, or none"
        if arguments.device is not None:
            yield "--portable is about the CPU; leave out --device"
        return
    if arguments.all:
        yield "--all is for the table of --portable, or for --prune; leave it out"
    if arguments.left is not None:
        if arguments.right is None:
            yield "name two files to compare, or none"
        if arguments.device is not None:
            yield "--device is for this machine's fingerprint; leave out --device or the files"


def _misused_environments(arguments: argparse.Namespace) -> Iterator[str]:
    word = "--prune" if arguments.prune else "--environments"
    given = {
        "A": arguments.left is not None,
        "--device": arguments.device is not None,
        "--portable": arguments.portable,
        "--all": arguments.all and not arguments.prune,
    }
    if ignored := [option for option, value in given.items() if value]:
        yield f"{word} is about environments of other versions; leave out {', '.join(ignored)}"


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    if arguments.environments or arguments.prune:
        options = options_of(arguments)
        return show_kept(options, screen, prune=arguments.prune, everything=arguments.all)
    if arguments.portable:
        return show_proof(arguments.left, options_of(arguments), screen, everything=arguments.all)
    if arguments.left is None:
        arguments.device = arguments.device or find(Path.cwd()).settings.device
        return show_environment(options_of(arguments), screen)
    return compare_environments(arguments.left, arguments.right, options_of(arguments), screen)


COMMAND = Command(_run, (device, shows, _own_options), misuse=_misuse)
