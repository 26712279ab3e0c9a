"""The command line: dispatch, error boundary, exit codes."""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness import interrupts, streams
from harness.core.recording import Flags
from harness.errors import HarnessError, Terminated
from harness.parser import parsed
from harness.workflow.options import Options, RepeatOptions, VerifyOptions

if TYPE_CHECKING:
    from harness.report.terminal import Screen

Action = Callable[[argparse.Namespace, "Screen"], int]

INTERRUPTED = 130

_WRITERS = ("record", "verify", "explain", "calibrate", "sensitivity", "repeat")
"""The commands that run cases into the output folder; two of them in one folder would destroy each other's captures."""

_COMMON = ("configs", "goldens", "out", "device", "jobs", "json", "junit")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code and never lets a traceback out for bad input."""
    words = sys.argv[1:] if argv is None else list(argv)
    with interrupts.answered(), streams.guarded() as output:
        try:
            arguments = parsed(words)
        except SystemExit as ended:
            raise SystemExit(_settled(int(ended.code or 0), output, asked=False)) from None
        return _run(arguments, words, output)


def _settled(code: int, output: streams.Output, *, asked: bool) -> int:
    """The exit code, once standard output has taken all or failed; `asked` is whether it was to hold a document."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    problem = output.problem(asked=asked)
    # Bad usage and an interrupt wrote nothing that could be missed.
    if problem is None or code not in (0, 1, HarnessError.exit_code):
        return code
    sys.stderr.write(f"error: {problem}\n")
    return HarnessError.exit_code


def _run(arguments: argparse.Namespace, words: Sequence[str], output: streams.Output) -> int:
    # Deferred: `--help` and bad usage answer without loading the terminal library.
    from harness.report.terminal import Screen
    from harness.workflow.emit import is_standard_output

    targets = _targets(arguments)
    # What is asked for on standard output is alone there.
    alone = any(map(is_standard_output, targets))
    screen = Screen(quiet=arguments.quiet, stream=sys.stderr if alone else None)
    return _settled(_acted(arguments, words, screen, targets), output, asked=alone)


def _acted(
    arguments: argparse.Namespace, words: Sequence[str], screen: Screen, targets: Sequence[str | Path]
) -> int:
    """The exit code of the command; whatever ended it is a sentence on standard error."""
    from harness.workflow.emit import check_targets

    try:
        check_targets(targets)
        with _in_project(arguments, screen), _place(arguments, words, screen):
            return _ACTIONS[arguments.command](arguments, screen)
    except HarnessError as error:
        screen.show_error(str(error))
        return error.exit_code
    except Terminated as error:
        screen.show_error("terminated; every worker was stopped, and no golden was left half-written")
        return error.exit_code
    except KeyboardInterrupt:
        screen.show_error("interrupted; every worker was stopped, and no golden was left half-written")
        return INTERRUPTED
    except Exception as error:
        screen.show_error(_unforeseen(error))
        return HarnessError.exit_code


def _targets(arguments: argparse.Namespace) -> list[str | Path]:
    """What the options name to write documents to."""
    names = ("json", "junit", "markdown")
    return [target for name in names if (target := getattr(arguments, name, None)) is not None]


@contextmanager
def _place(arguments: argparse.Namespace, words: Sequence[str], screen: Screen) -> Iterator[None]:
    """The output folder held for the command where it needs it; signals wait for the cleaning up from then on."""
    command = arguments.command
    if command not in (*_WRITERS, "accept") or getattr(arguments, "stored", False):
        yield
        return
    from harness.workflow import outfolder

    # Before the handler changes: an exception in the middle of an import can get lost.
    importlib.import_module(f"harness.workflow.{command}")
    options = _options(arguments)
    reads = command == "accept"
    with (
        interrupts.gently(),
        outfolder.held_for_reading(options, words) if reads else outfolder.held(options, words, screen.warn),
    ):
        yield


def _unforeseen(error: Exception) -> str:
    """What the operating system or a library refuses in a sentence; anything else is ours, told with its traceback."""
    if isinstance(error, OSError) and error.strerror:
        place = error.filename if error.filename is not None else "the operating system"
        return f"{place}: {error.strerror}; put that right and run the command again"
    if package := _not_imported(error):
        told = " ".join(str(_root_of(error)).split()).rstrip(".") or type(error).__name__
        return f"{package} cannot be imported here ({told}); repair it, or what the environment sets for it"
    trace = "".join(traceback.format_exception(error)).rstrip()
    return f"this is a bug of the harness; report it with these lines:\n{trace}"


def _root_of(error: BaseException) -> BaseException:
    """The error that led to `error`: libraries wrap it in advice of a page."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _not_imported(error: Exception) -> str:
    """The library whose own code raised `error` as it was imported; "" where that is not what happened."""
    packages = (
        str(frame.f_globals.get("__name__", "")).partition(".")[0]
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_name == "<module>"
    )
    known = ("", "__main__", "harness", *sys.stdlib_module_names)
    return next((package for package in packages if package not in known), "")


@contextmanager
def _in_project(arguments: argparse.Namespace, screen: Screen) -> Iterator[None]:
    """While open, the root of the project is the current folder, and `arguments` say all as seen from there."""
    if not hasattr(arguments, "root"):
        yield
        return
    from harness.workflow.place import place_of

    unnamed = getattr(arguments, "configs", "") is None
    place = place_of(arguments.root, needs_configs=unnamed)
    for name, value in vars(arguments).items():
        is_path = name == "json" or (isinstance(value, Path) and name != "root")
        # Standard output lies in no folder.
        if is_path and value is not None and str(value) != "-":
            setattr(arguments, name, type(value)(place.path(Path(value))))
    for name in ("configs", "goldens", "out", "device", "jobs"):
        if getattr(arguments, name, "") is None:
            setattr(arguments, name, getattr(place.project.settings, name))
    if hasattr(arguments, "select"):
        arguments.select = [place.pattern(word, arguments.configs) for word in arguments.select]
    if place.elsewhere:
        screen.say(f"the project's root is {place.project.root}")
    with place.entered():
        yield


def _options(arguments: argparse.Namespace) -> Options:
    """The common options; those that the command does not have keep their defaults."""
    stated = {name: getattr(arguments, name, None) for name in _COMMON}
    given = {name: value for name, value in stated.items() if value is not None}
    return Options(select=tuple(getattr(arguments, "select", ())), quiet=arguments.quiet, **given)


def _verify(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.verify import verify

    how = VerifyOptions(arguments.relation, arguments.allow_missing, arguments.strict, arguments.forced)
    return verify(_options(arguments), how, screen)


def _record(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.record import record

    return record(_options(arguments), screen, update=arguments.update, gates=not arguments.no_gates)


def _explain(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.explain import explain

    how = VerifyOptions(arguments.relation, forced=arguments.forced)
    return explain(_options(arguments), how, screen, deep=arguments.deep)


def _calibrate(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.calibrate import calibrate

    return calibrate(_options(arguments), screen)


def _sensitivity(arguments: argparse.Namespace, screen: Screen) -> int:
    if arguments.stored:
        from harness.workflow.stored_sensitivity import stored_sensitivity

        return stored_sensitivity(_options(arguments), screen)
    from harness.workflow.sensitivity import sensitivity

    return sensitivity(_options(arguments), screen, ladder=not arguments.no_ladder)


def _repeat(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.repeat import repeat

    flags = tuple(Flags) if arguments.flags == "both" else (Flags(arguments.flags),)
    how = RepeatOptions(arguments.runs, arguments.reuse, flags)
    return repeat(_options(arguments), how, screen)


def _list(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.listing import list_cases

    return list_cases(_options(arguments), screen)


def _compare(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.compare import compare

    return compare(arguments.left, arguments.right, _options(arguments), screen)


def _accept(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.accept import accept

    return accept(_options(arguments), screen)


def _report(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.again import show_again

    return show_again(_options(arguments), screen, markdown_file=arguments.markdown)


def _prune(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.prune import prune

    return prune(_options(arguments), screen, delete=arguments.delete, everything=arguments.all)


def _env(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.config import project
    from harness.workflow.env import compare_environments, show_environment

    if arguments.portable:
        from harness.workflow.env_portable import show_proof

        return show_proof(arguments.left, _options(arguments), screen, everything=arguments.all)
    if arguments.left is None:
        arguments.device = arguments.device or project.find(Path.cwd()).settings.device
        return show_environment(_options(arguments), screen)
    return compare_environments(arguments.left, arguments.right, _options(arguments), screen)


def _schema(_arguments: argparse.Namespace, _screen: Screen) -> int:
    from harness.config.schema import json_schema

    print(json_schema())
    return 0


_ACTIONS: dict[str, Action] = {
    "record": _record,
    "verify": _verify,
    "explain": _explain,
    "calibrate": _calibrate,
    "sensitivity": _sensitivity,
    "repeat": _repeat,
    "list": _list,
    "compare": _compare,
    "accept": _accept,
    "report": _report,
    "prune": _prune,
    "env": _env,
    "schema": _schema,
}
