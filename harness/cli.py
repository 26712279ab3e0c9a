"""The command line: dispatch, error boundary, exit codes."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness import interrupts, streams
from harness.commands import load
from harness.errors import HarnessError, Terminated
from harness.invocation.command import Hold, options_of
from harness.parser import parsed

if TYPE_CHECKING:
    from harness.report.terminal import Screen

INTERRUPTED = 130

_SETTINGS = ("configs", "goldens", "out", "device", "jobs", "issue_label", "issue_assignee")
"""The options that a project may set in its pyproject.toml."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code and never shows a traceback for bad input."""
    words = sys.argv[1:] if argv is None else list(argv)
    with interrupts.answered(), streams.guarded() as output:
        try:
            arguments = parsed(words)
        except SystemExit as ended:
            raise SystemExit(_settled(int(ended.code or 0), output, asked=False)) from None
        except Exception as error:  # parsing imports the command's file
            return _settled(_not_parsed(error), output, asked=False)
        return _run(arguments, words, output)


def _settled(code: int, output: streams.Output, *, asked: bool) -> int:
    """The exit code after standard output took everything or failed; `asked` says that a document was to go there."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    problem = output.problem(asked=asked)
    # After bad usage or an interrupt, no output is missing.
    if problem is None or code not in (0, 1, HarnessError.exit_code):
        return code
    sys.stderr.write(f"error: {problem}\n")
    return HarnessError.exit_code


def _not_parsed(error: Exception) -> int:
    # Imported lazily as in `_run`; this needs nothing of the library that failed.
    from harness.report.harmless import harmless

    sys.stderr.write(f"{harmless(f'error: {_unforeseen(error)}')}\n")
    return HarnessError.exit_code


def _run(arguments: argparse.Namespace, words: Sequence[str], output: streams.Output) -> int:
    # Imported lazily: `harness --help` and a misspelt command answer without loading the terminal library.
    from harness.invocation.emit import is_standard_output
    from harness.report.terminal import Screen

    targets = _targets(arguments)
    # A document on standard output must be alone there.
    alone = any(map(is_standard_output, targets))
    screen = Screen(quiet=arguments.quiet, stream=sys.stderr if alone else None)
    return _settled(_acted(arguments, words, screen, targets), output, asked=alone)


def _acted(
    arguments: argparse.Namespace, words: Sequence[str], screen: Screen, targets: Sequence[str | Path]
) -> int:
    """The exit code of the command; any error becomes a sentence on standard error."""
    from harness.invocation.emit import check_targets

    try:
        check_targets(targets)
        with _in_project(arguments, screen), _place(arguments, words, screen):
            return load(arguments.command).run(arguments, screen)
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
    """The targets that the options name for documents."""
    names = ("json", "junit", "markdown")
    return [target for name in names if (target := getattr(arguments, name, None)) is not None]


@contextmanager
def _place(arguments: argparse.Namespace, words: Sequence[str], screen: Screen) -> Iterator[None]:
    """Holds the output folder if the command needs it; from then on, signals trigger a cleanup."""
    holds = load(arguments.command).holds(arguments)
    if holds is Hold.NOTHING:
        yield
        return
    from harness.invocation import output_folder

    options = options_of(arguments)
    with (
        interrupts.gently(),
        output_folder.held_for_reading(options, words)
        if holds is Hold.READING
        else output_folder.held(options, words, screen.warn),
    ):
        yield


def _unforeseen(error: Exception) -> str:
    """A sentence for what the operating system or a library refuses; anything else is our bug and shows a traceback."""
    if isinstance(error, OSError) and error.strerror:
        place = error.filename if error.filename is not None else "the operating system"
        return f"{place}: {error.strerror}; fix that and run the command again"
    if package := _not_imported(error):
        told = " ".join(str(_root_of(error)).split()).rstrip(".") or type(error).__name__
        return f"{package} cannot be imported here ({told}); repair it, or fix the environment variables that it reads"
    trace = "".join(traceback.format_exception(error)).rstrip()
    return f"this is a bug of the harness; report it with these lines:\n{trace}"


def _root_of(error: BaseException) -> BaseException:
    """The original cause of `error`: libraries wrap it in a page of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _not_imported(error: Exception) -> str:
    """The library whose own code raised `error` during its import; "" if that is not the cause."""
    packages = (
        str(frame.f_globals.get("__name__", "")).partition(".")[0]
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_name == "<module>"
    )
    known = ("", "__main__", "harness", *sys.stdlib_module_names)
    return next((package for package in packages if package not in known), "")


@contextmanager
def _in_project(arguments: argparse.Namespace, screen: Screen) -> Iterator[None]:
    """While open, the project's root is the current folder, and the paths in `arguments` are relative to it."""
    if not hasattr(arguments, "root"):
        yield
        return
    from harness.invocation.place import place_of

    unnamed = getattr(arguments, "configs", "") is None
    place = place_of(arguments.root, needs_configs=unnamed)
    for name, value in vars(arguments).items():
        is_path = name == "json" or (isinstance(value, Path) and name != "root")
        # Standard output is in no folder.
        if is_path and value is not None and str(value) != "-":
            setattr(arguments, name, type(value)(place.path(Path(value))))
        elif isinstance(value, list):
            moved = [place.path(one) if isinstance(one, Path) else one for one in value]
            setattr(arguments, name, moved)
    for name in _SETTINGS:
        if getattr(arguments, name, "") is None:
            setattr(arguments, name, getattr(place.project.settings, name))
    if hasattr(arguments, "select"):
        arguments.select = [place.pattern(word, arguments.configs) for word in arguments.select]
    if place.elsewhere:
        screen.say(f"the project's root is {place.project.root}")
    with place.entered():
        yield
