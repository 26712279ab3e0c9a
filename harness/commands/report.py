"""`harness report`: show the report of an earlier verify again, in any of its forms, or join several into one."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import files
from harness.core.results.verdict import Report, Verdict
from harness.errors import UsageError
from harness.invocation.arguments import out, project, publishes, shows
from harness.invocation.command import Command, Hold, options_of
from harness.invocation.emit import emit, is_standard_output
from harness.invocation.options import Options, named_out
from harness.invocation.publish import annotate, documents
from harness.report import json_report
from harness.report.terminal import Screen
from harness.report.wording import count_words
from harness.review.page.publishing import publish, try_to_publish
from harness.trials.captures import REPORT_NAME

MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What to draw besides: a `page`, with the folder of its pictures beside it, and a folder of `pictures`."""

    page: Path | None = None
    pictures: Path | None = None


def show_report(options: Options, screen: Screen, drawn: Drawn = Drawn()) -> int:
    """Returns the exit code of that verify, computed with the options that its report stores."""
    report = _read(options.out / REPORT_NAME, "run `harness verify` first, or name its folder with --out")
    return _shown(report, options, screen, drawn)


def merge_reports(named: Sequence[Path], options: Options, screen: Screen, drawn: Drawn = Drawn()) -> int:
    """Join the reports of shards or platforms into one, with their captures and a page, in the output folder.

    Each is a report.json or the folder of one. Returns the exit code that a single verify would have had. Raises
    UsageError, and writes nothing, if they cannot be joined.
    """
    from harness.trials.gathering import gathered  # imported lazily: to show a report needs neither
    from harness.trials.merging import Source, merged

    paths = [path / REPORT_NAME if path.is_dir() else path for path in named]
    sources = [Source(str(path), _read(path, "name a report.json, or its folder")) for path in paths]
    found = gathered(merged(sources), [path.parent for path in paths], options.out)
    if found.missing:
        _warn_of(found.missing, screen)
    emit((options.out / REPORT_NAME, json_report.verify_json(found.report)))
    try_to_publish(found.report, options, screen.warn)
    return _shown(found.report, options, screen, drawn)


def _warn_of(missing: Sequence[str], screen: Screen) -> None:
    lies = "lies" if len(missing) == 1 else "lie"
    shown = f"{', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}"
    screen.warn(
        f"{count_words(len(missing), 'capture')} that the reports name {lies} not beside them and cannot be accepted "
        f"or shown: {shown}"
    )


def _read(path: Path, step: str) -> Report:
    try:
        return json_report.read_report(path.read_bytes(), str(path))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{path}: no such file; {step}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({files.reason(error)}); {step}") from error


def _shown(report: Report, options: Options, screen: Screen, drawn: Drawn) -> int:
    how = {"allow_missing": report.passing.allow_missing, "strict": report.passing.strict}
    if drawn.page is not None:
        publish(report, options.out, drawn.page, named_out(options))
    emit(*documents(report, options))
    screen.show_verify(report, **how)
    annotate(report, options, screen)
    if drawn.pictures is not None:
        _draw(report, options.out, drawn.pictures, screen)
    return report.exit_code(**how)


def _draw(report: Report, out: Path, folder: Path, screen: Screen) -> None:
    """Draw the cases that are not identical; a case that was judged on several platforms has a folder for each."""
    from harness.trials.picturing import pictured_result  # imported lazily: it needs numpy

    chosen = [
        one for one in report.cases if one.verdict is not Verdict.IDENTICAL and (one.capture or one.golden)
    ]
    counts = Counter(one.case for one in chosen)
    for result in chosen:
        found = pictured_result(result, [out], folder, by_platform=counts[result.case] > 1)
        for problem in found.problems:
            screen.warn(f"{result.case}: {problem}")
    screen.note(
        f"{folder}: pictures of {count_words(len(chosen), 'case')}; `harness show` draws identical ones too"
    )


def _merges(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "action",
        nargs="?",
        choices=[MERGE],
        metavar=MERGE,
        help="join the reports that are named into one, with their captures, in --out",
    )
    command.add_argument(
        "reports",
        nargs="*",
        type=Path,
        metavar="REPORT",
        help="what to join: report.json files, or their folders",
    )


def _draws(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--html", type=Path, metavar="FILE", help="write it as a page with pictures; whole ones go beside it"
    )
    command.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="write golden, run and difference of each case that is not identical as pictures and sounds",
    )


def _misuse(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.html is not None and is_standard_output(arguments.html):
        yield "--html writes pictures beside its page; name a file"
    if arguments.action is None:
        return
    if not arguments.reports:
        yield "merge joins reports; name them: harness report merge A.json B.json --out DIR"
    if arguments.out is None:
        yield "merge would replace the report of the last verify; name another folder with --out"


def _holds(arguments: argparse.Namespace) -> Hold:
    return Hold.WRITING if arguments.action else Hold.NOTHING


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    options, drawn = options_of(arguments), Drawn(arguments.html, arguments.pictures)
    if arguments.action:
        return merge_reports(arguments.reports, options, screen, drawn)
    return show_report(options, screen, drawn)


COMMAND = Command(_run, (_merges, project, out, shows, publishes, _draws), _holds, _misuse)
