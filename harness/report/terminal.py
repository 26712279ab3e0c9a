"""The screen: all output of a command goes through it, results to standard output, warnings to standard error."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.text import Text

from harness.report.harmless import harmless, plain
from harness.report.progress import Board, Lines, NoProgress, Progress, live_display, spoken

# Each view is imported lazily, by the method that needs it, to keep `list` fast.
if TYPE_CHECKING:
    from harness.core.environment import Change, Environment
    from harness.core.measured.calibration import CalibrationReport
    from harness.core.measured.sensitivity import SensitivityReport
    from harness.core.nights.news import Item
    from harness.core.nights.timeline import Head, Timeline
    from harness.core.portable.known_answers import Proof
    from harness.core.results.blame import BlameReport
    from harness.core.results.doctor import DoctorReport
    from harness.core.results.environments import KeptReport
    from harness.core.results.explanation import Explanation
    from harness.core.results.groups import Group
    from harness.core.results.next_step import NextStep
    from harness.core.results.pictured import PicturedCase
    from harness.core.results.recording import ListedCase, PruneReport, RecordReport, RepeatReport
    from harness.core.results.review import (
        GoldenHistory,
        HistoryDifference,
        Look,
        RejectReport,
        RenameReport,
    )
    from harness.core.results.verdict import Report, TensorResult

PLAIN_WIDTH = 80
"""The width without a terminal."""

LEAST_WIDTH = 40
"""Narrower terminals wrap the lines themselves."""


class Screen:
    """Shows results on `stream` (standard output by default), `width` columns wide (the terminal's, else 80).

    If the stream is not a terminal, there are no colours, progress or control sequences; NO_COLOR turns colours
    off. `quiet` shows only the failures and the summary.
    """

    def __init__(self, *, quiet: bool, stream: TextIO | None = None, width: int | None = None) -> None:
        stream = sys.stdout if stream is None else stream
        self._quiet = quiet
        self._terminal = stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
        _never_fail_to_encode(stream)
        self._console = _console(stream, self._terminal, width)

    def watch(self, cases: int) -> AbstractContextManager[Progress]:
        """While open, shows the progress of `cases` cases: a live display on a terminal, lines elsewhere."""
        if self._quiet:
            return nullcontext(NoProgress())
        board = Board(cases)
        return live_display(board, self._console) if self._terminal else spoken(Lines(board, self.note))

    def show_verify(self, report: Report, *, allow_missing: bool = False, strict: bool = False) -> None:
        """The verdicts; the options are those of the command and decide what fails."""
        from harness.report.views.verify import verify_sections

        options = {"quiet": self._quiet, "allow_missing": allow_missing, "strict": strict}
        self._print(verify_sections(report, self._console, **options))

    def show_candidates(
        self, reports: Sequence[Report], *, allow_missing: bool = False, strict: bool = False
    ) -> None:
        """The verdicts under other versions, and what fails under them for which cause."""
        from harness.report.views.candidates import candidates_sections

        options = {"quiet": self._quiet, "allow_missing": allow_missing, "strict": strict}
        self._print(candidates_sections(reports, self._console, **options))

    def show_record(self, report: RecordReport) -> None:
        """The outcome of recording or accepting each case."""
        from harness.report.views.record import record_sections

        self._print(record_sections(report, self._console, quiet=self._quiet))

    def show_repeat(self, report: RepeatReport) -> None:
        """Which cases are deterministic, and how far apart the runs of the others are."""
        from harness.report.views.measure.repeat import repeat_sections

        self._print(repeat_sections(report, self._console, quiet=self._quiet))

    def show_list(self, cases: Sequence[ListedCase], platform: str) -> None:
        """All cases; nothing if quiet."""
        from harness.report.views.list import list_sections

        if not self._quiet:
            self._print(list_sections(cases, platform, self._console))

    def show_environment(self, environment: Environment) -> None:
        """A fingerprint; nothing if quiet."""
        from harness.report.views.differences import environment_sections

        if not self._quiet:
            self._print(environment_sections(environment, self._console))

    def show_kept(self, report: KeptReport) -> None:
        """The environments of other versions that are kept, and those that were removed; only the sum if quiet."""
        from harness.report.views.environments import kept_sections

        self._print(kept_sections(report, self._console, quiet=self._quiet))

    def show_proof(self, proof: Proof, *, everything: bool) -> None:
        """The known-answer test of this machine, by operation with `everything`; only the conclusion if quiet."""
        from harness.report.views.measure.proof import proof_sections

        self._print(proof_sections(proof, self._console, quiet=self._quiet, everything=everything))

    def show_changes(self, changes: Sequence[Change], left: str, right: str) -> None:
        """The differences between the fingerprints in `left` and `right`; nothing if quiet."""
        from harness.report.views.differences import change_sections

        if not self._quiet:
            self._print(change_sections(changes, left, right, self._console))

    def show_comparison(self, tensors: Sequence[TensorResult], left: str, right: str) -> None:
        """The metrics between the files `left` and `right`."""
        from harness.report.views.differences import comparison_sections

        self._print(comparison_sections(tensors, left, right, self._console, quiet=self._quiet))

    def show_explanations(self, explanations: Sequence[Explanation], *, deep: bool) -> None:
        """Where the difference of each case began; `deep` says that modules were examined."""
        from harness.report.views.explain import explain_sections

        self._print(explain_sections(explanations, self._console, quiet=self._quiet, deep=deep))

    def show_calibrations(self, report: CalibrationReport) -> None:
        """How much each variation moved each case, and the resulting limits."""
        from harness.report.views.measure.calibrate import calibrate_sections

        self._print(calibrate_sections(report, self._console, quiet=self._quiet))

    def show_sensitivity(self, report: SensitivityReport) -> None:
        """Which planted faults the cases catch, and by which channel."""
        from harness.report.views.measure.sensitivity import sensitivity_sections

        self._print(sensitivity_sections(report, self._console, quiet=self._quiet))

    def show_blames(self, report: BlameReport) -> None:
        """Which change of a dependency made each case differ, or why there is none to blame."""
        from harness.report.views.blame import blame_sections

        self._print(blame_sections(report, self._console, quiet=self._quiet))

    def show_rejected(self, report: RejectReport) -> None:
        """Which failures are remembered as rejected."""
        from harness.report.views.review.reject import reject_sections

        self._print(reject_sections(report, self._console, quiet=self._quiet))

    def show_log(self, found: Sequence[GoldenHistory]) -> None:
        """The histories of goldens; nothing if quiet."""
        from harness.report.views.review.log import log_sections

        if not self._quiet:
            self._print(log_sections(found, self._console))

    def show_difference(self, found: HistoryDifference) -> None:
        """The metrics between two entries of a history."""
        from harness.report.views.review.log import difference_sections

        self._print(difference_sections(found, self._console, quiet=self._quiet))

    def show_renamed(self, report: RenameReport) -> None:
        """Which files got another name; only the sum if quiet."""
        from harness.report.views.review.rename import rename_sections

        self._print(rename_sections(report, self._console, quiet=self._quiet))

    def show_group(self, group: Group, looks: Sequence[Look], number: int, total: int) -> None:
        """A group of failures, number `number` of `total`, that somebody is about to decide about; also if quiet."""
        from harness.report.views.review.group import group_sections

        first, *others = group_sections(group, looks, (number, total), self._console)
        self._print([[Text(), *first], *others])

    def show_pictures(self, cases: Sequence[PicturedCase], *, inline: bool) -> None:
        """What was drawn of each case, and where; with `inline` also the pictures, in a terminal that can show them.

        If quiet, only the cases of which something could not be drawn.
        """
        from harness.report import inline as terminals
        from harness.report.views.show import case_section, output_section

        stream = self._console.file
        protocol = terminals.protocol_of(stream, os.environ, terminals.device_attributes) if inline else None
        for case in [one for one in cases if one.problems or not self._quiet]:
            self._print([case_section(case, self._console)])
            for output in () if self._quiet else case.outputs:
                self._print([output_section(output, self._console)])
                if protocol and output.compared:
                    stream.write(terminals.shown(Path(output.compared).read_bytes(), protocol))

    def show_news(self, night: Head, items: Sequence[Item]) -> None:
        """What a night says that the nights before did not; only what somebody is told if quiet."""
        from harness.report.views.nightly import nightly_sections

        self._print(nightly_sections(night, items, self._console, quiet=self._quiet))

    def show_history(self, lines: Sequence[Timeline]) -> None:
        """The nights of some cases; nothing if quiet."""
        from harness.report.views.history import history_sections

        if not self._quiet:
            self._print(history_sections(lines, self._console))

    def show_pruned(self, report: PruneReport, root: str, command: NextStep) -> None:
        """The files among the goldens in `root` that no case uses; `command` is the step that would delete them."""
        from harness.report.views.prune import prune_sections

        self._print(prune_sections(report, root, command, self._console, quiet=self._quiet))

    @property
    def can_ask(self) -> bool:
        """Whether somebody sees questions and can answer them: standard input and error are a terminal."""
        return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))

    def ask(self, question: str) -> str | None:
        """The line typed after the question, without its end; None if the input has ended. Raises KeyboardInterrupt."""
        sys.stdout.flush()  # what it is about comes first
        sys.stderr.write(harmless(question))
        sys.stderr.flush()
        line = ""
        try:
            line = "" if sys.stdin is None else sys.stdin.readline()
        except UnicodeDecodeError:  # what follows in the stream cannot be trusted either
            return None
        finally:
            if not line:  # nobody has pressed Enter
                sys.stderr.write("\n")
        return line.rstrip("\r\n") if line else None

    def command(self, lines: Iterable[str]) -> None:
        """Commands to the CI service that reads the log, as they are: whoever makes them escapes what is in them."""
        self._console.file.writelines(f"{line}\n" for line in lines)
        self._console.file.flush()

    def show_findings(self, report: DoctorReport) -> None:
        """What would make two runs differ or a golden useless, each with its fix."""
        from harness.report.views.doctor import doctor_sections

        self._print(doctor_sections(report, self._console, quiet=self._quiet))

    def show_begun(self, written: Sequence[tuple[Path, bool]], root: Path, cases: Sequence[str]) -> None:
        """The first files of the project at `root`, to which of them lines were only added, and what comes next."""
        from harness.report.views.init import init_sections

        if not self._quiet:
            self._print(init_sections(written, root, cases))

    def note(self, message: str) -> None:
        """A remark along the way, unwrapped; nothing if quiet."""
        if not self._quiet:
            self._print([[Text(line) for line in plain(message).splitlines()]])

    def say(self, message: str) -> None:
        """A remark on standard error, so that it is not part of the result; nothing if quiet."""
        if not self._quiet:
            _complain("note", message)

    def warn(self, message: str) -> None:
        """A warning, whole and plain, on standard error."""
        _complain("warning", message)

    def show_error(self, message: str) -> None:
        """What ended the command, whole and plain, on standard error."""
        _complain("error", message)

    def _print(self, sections: Iterable[Sequence[Text]]) -> None:
        """The sections, separated by blank lines; the lines are already laid out and are not wrapped again."""
        for place, section in enumerate(filter(None, sections)):
            lines = [*([Text()] if place else []), *map(_harmless, section)]
            # Printed at once: a call for each of ten thousand lines takes seconds.
            if self._console.color_system is None:
                self._console.out("\n".join(line.plain for line in lines), highlight=False)
            else:
                self._console.print(*lines, sep="\n", soft_wrap=True)


def _console(stream: TextIO, terminal: bool, width: int | None) -> Console:
    console = Console(
        file=stream,
        force_terminal=terminal,
        force_interactive=terminal,
        color_system="auto" if terminal and not os.environ.get("NO_COLOR") else None,
        width=width or (None if terminal else PLAIN_WIDTH),
        markup=False,
        emoji=False,
        highlight=False,
    )
    if console.width < LEAST_WIDTH:
        console.width = LEAST_WIDTH
    return console


def _never_fail_to_encode(stream: TextIO) -> None:
    """Write characters that the stream cannot encode as escapes."""
    if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
        stream.reconfigure(errors="backslashreplace")


def _harmless(line: Text) -> Text:
    """The line, without its colours if it had to be changed because it begins like a command of a CI service."""
    safe = harmless(line.plain)
    return line if safe == line.plain else Text(safe)


def _complain(kind: str, message: str) -> None:
    # Not through rich: nothing may be wrapped, styled or dropped. Standard error is looked up late,
    # because an open live display replaces it.
    sys.stderr.write(f"{harmless(f'{kind}: {message}')}\n")
    sys.stderr.flush()
