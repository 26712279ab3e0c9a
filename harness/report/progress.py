"""Progress of running cases: a line each while the terminal lasts, nothing elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from rich.console import Console, Group
from rich.text import Text

from harness.report.paint import Sheet
from harness.report.wording import count_words

_BAR = 20
"""Columns of a progress bar."""

_REFRESHES_PER_SECOND = 8


class Progress(Protocol):
    """Told what the running cases do, from any thread; `label` is the case id, with the run where several count."""

    def started(self, label: str) -> None:
        """The case was handed to a worker."""

    def progressed(self, label: str, stage: str, step: int, total: int) -> None:
        """It did `step` of `total` (0 when unknown) in `stage` (loading, running)."""

    def finished(self, label: str, passed: bool = True) -> None:
        """It came to an end."""


class NoProgress:
    """Shows nothing."""

    def started(self, label: str) -> None:
        """Show nothing."""

    def progressed(self, label: str, stage: str, step: int, total: int) -> None:
        """Show nothing."""

    def finished(self, label: str, passed: bool = True) -> None:
        """Show nothing."""


@dataclass(frozen=True, slots=True)
class _Running:
    stage: str = "starting"
    step: int = 0
    total: int = 0

    def words(self) -> str:
        if self.total:
            return f"step {self.step} of {self.total}"
        return f"step {self.step}" if self.step else self.stage

    def bar(self, filled: str, rest: str) -> Text:
        if not self.total:
            return Text()
        done = min(_BAR, _BAR * self.step // self.total)
        return Text.assemble((filled * done, "cyan"), (rest * (_BAR - done), "dim"))


class Board:
    """The state of all running cases, and its picture."""

    def __init__(self, total: int, noun: str = "case") -> None:
        self._total = total
        self._noun = noun
        self._done = 0
        self._failed = 0
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()

    def started(self, label: str) -> None:
        """Show a line for `label`."""
        with self._lock:
            self._running[label] = _Running()

    def progressed(self, label: str, stage: str, step: int, total: int) -> None:
        """Move the line of `label` on; it may have ended already."""
        with self._lock:
            if label in self._running:
                self._running[label] = replace(self._running[label], stage=stage, step=step, total=total)

    def finished(self, label: str, passed: bool = True) -> None:
        """Take the line of `label` away and count it."""
        with self._lock:
            self._running.pop(label, None)
            self._done += 1
            self._failed += not passed

    def lines(self, console: Console) -> list[Text]:
        """A line for each running case in the order they began, and the count."""
        with self._lock:
            running, done, failed = dict(self._running), self._done, self._failed
        filled, rest = ("#", "-") if console.options.ascii_only else ("━", "─")
        sheet = Sheet(["", "", ""])
        for label, state in running.items():
            sheet.add(label, state.words(), state.bar(filled, rest))
        count = f"{done} of {count_words(self._total, self._noun)} done"
        return [
            *(sheet.lines(console) if running else []),
            Text(f"{count}, {failed} failed" if failed else count),
        ]


@contextmanager
def live_display(board: Board, console: Console) -> Iterator[Progress]:
    """Draw the board at the foot of the terminal while open, and take it away again."""
    from rich.live import Live  # only a terminal needs it

    live = Live(
        get_renderable=lambda: Group(*board.lines(console)),
        console=console,
        transient=True,
        refresh_per_second=_REFRESHES_PER_SECOND,
        redirect_stdout=False,
        # Warnings would tear the display; where they go to a file they must keep going there.
        redirect_stderr=sys.stderr.isatty(),
    )
    with live:
        yield board
