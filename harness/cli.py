"""The command line: parser, dispatch, error boundary, exit codes."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import __version__, interrupts, streams
from harness.core.recording import Flags
from harness.core.tolerance import Relation
from harness.errors import HarnessError, Terminated
from harness.workflow.options import Options, RepeatOptions, VerifyOptions

if TYPE_CHECKING:
    from harness.report.terminal import Screen

Action = Callable[[argparse.Namespace, "Screen"], int]

INTERRUPTED = 130

_WRITERS = ("record", "verify", "explain", "calibrate", "sensitivity", "repeat")
"""The commands that run cases into the output folder; two of them in one folder would destroy each other's captures."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code and never lets a traceback out for bad input."""
    words = sys.argv[1:] if argv is None else list(argv)
    with interrupts.answered(), streams.guarded() as output:
        try:
            arguments = parser().parse_args(words)
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
        with _place(arguments, words, screen):
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
    """The operating system's refusals in a sentence; anything else is ours, and told with its traceback."""
    if isinstance(error, OSError) and error.strerror:
        place = error.filename if error.filename is not None else "the operating system"
        return f"{place}: {error.strerror}; put that right and run the command again"
    trace = "".join(traceback.format_exception(error)).rstrip()
    return f"this is a bug of the harness; report it with these lines:\n{trace}"


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
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_running(commands)
    _add_measuring(commands)
    _add_reading(commands)
    return top


def _add_running(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    record = _command(
        commands, "record", "run each case twice and store what came out bit-identical", _selects, _runs
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
        commands, "verify", "run the cases and judge them against their goldens", _selects, _runs
    )
    _judges(verify)
    verify.add_argument("--allow-missing", action="store_true", help="a case without a golden passes")
    verify.add_argument("--strict", action="store_true", help="a skipped case fails")
    verify.add_argument(
        "--forced",
        action="store_true",
        help="judge every component and step by itself as well, fed with the golden's tensors",
    )
    verify.add_argument("--junit", type=Path, metavar="FILE", help="write the verdicts as JUnit XML")
    explain = _command(
        commands, "explain", "run cases and say where their difference began, and why", _selects, _runs
    )
    _judges(explain)
    explain.add_argument(
        "--deep", action="store_true", help="look into the network it began in, and name the module"
    )


def _add_measuring(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _command(
        commands, "calibrate", "measure the noise that is legitimate, and set limits from it", _selects, _runs
    )
    sensitivity = _command(
        commands,
        "sensitivity",
        "plant faults in the cases, and see which their limits catch",
        _selects,
        _runs,
    )
    sensitivity.add_argument(
        "--no-ladder", action="store_true", help="plant each fault at one strength; skip the smallest ones"
    )
    sensitivity.add_argument(
        "--stored",
        action="store_true",
        help="run nothing; judge what was kept beside the goldens, as long as it still speaks of these limits",
    )
    repeat = _command(
        commands, "repeat", "run cases N times in fresh processes: deterministic or not", _selects, _runs
    )
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


def _add_reading(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _command(commands, "list", "show the cases with device, tolerance and golden state", _selects)
    compare = _command(commands, "compare", "the metrics between two capture or golden files")
    compare.add_argument("left", type=Path, metavar="A")
    compare.add_argument("right", type=Path, metavar="B")
    _command(commands, "accept", "make what the last verify judged the goldens", _selects)
    report = _command(commands, "report", "show the report of the last verify again")
    report.add_argument("--junit", type=Path, metavar="FILE", help="write it as JUnit XML")
    report.add_argument("--markdown", type=Path, metavar="FILE", help="write it as Markdown")
    prune = _command(
        commands, "prune", "list goldens that belong to no case, and fail if there are any", _selects
    )
    prune.add_argument("--delete", action="store_true", help="delete them")
    prune.add_argument(
        "--all",
        action="store_true",
        help="delete them even if they are most of the store or may belong to other configs",
    )
    env = _command(commands, "env", "the fingerprint of this machine, or what differs between two")
    env.add_argument(
        "left", type=Path, nargs="?", metavar="A", help="a golden, a capture or a saved fingerprint"
    )
    env.add_argument("right", type=Path, nargs="?", metavar="B")
    _command(commands, "schema", "print the JSON Schema of a config file")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    *groups: Callable[[argparse.ArgumentParser], None],
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    for group in groups:
        group(command)
    add = command.add_argument
    add(
        "--configs",
        type=Path,
        default=Path("configs"),
        metavar="DIR",
        help="folder of the configs (default configs)",
    )
    add(
        "--goldens",
        type=Path,
        default=Path("goldens"),
        metavar="DIR",
        help="folder of the goldens (default goldens)",
    )
    add(
        "--out",
        type=Path,
        default=Path("out"),
        metavar="DIR",
        help="where captures and reports go (default out)",
    )
    add(
        "--device",
        type=_device,
        default="auto",
        metavar="DEVICE",
        help="auto, cpu, cuda, cuda:N or mps (default auto)",
    )
    add("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    add("--quiet", action="store_true", help="show failures and the summary only")
    return command


def _selects(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "select",
        nargs="*",
        metavar="SELECT",
        help="case ids, globs, tag:NAME; !X leaves out what X selects (default: all)",
    )


def _judges(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--relation", type=Relation, choices=list(Relation), metavar="RELATION",
        help="judge as if this relation held: same, same-hardware or cross-hardware",
    )  # fmt: skip


def _runs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--jobs", type=_at_least(1), default=1, metavar="N", help="worker processes at a time (default 1)"
    )


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return number


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no device; accepted: auto, cpu, cuda, cuda:N, mps")
    return text


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        select=tuple(getattr(arguments, "select", ())),
        configs=arguments.configs,
        goldens=arguments.goldens,
        device=arguments.device,
        jobs=getattr(arguments, "jobs", 1),
        out=arguments.out,
        json=arguments.json,
        junit=getattr(arguments, "junit", None),
        quiet=arguments.quiet,
    )


def _verify(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.verify import verify

    how = VerifyOptions(arguments.relation, arguments.allow_missing, arguments.strict, arguments.forced)
    return verify(_options(arguments), how, screen)


def _record(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.record import record

    return record(_options(arguments), screen, update=arguments.update, gates=not arguments.no_gates)


def _explain(arguments: argparse.Namespace, screen: Screen) -> int:
    from harness.workflow.explain import explain

    how = VerifyOptions(arguments.relation, forced=True)
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
    from harness.workflow.env import compare_environments, show_environment

    if arguments.left is None:
        return show_environment(_options(arguments), screen)
    if arguments.right is None:
        raise SystemExit(parser().error("env: name two files to compare, or none"))
    return compare_environments(arguments.left, arguments.right, screen)


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
