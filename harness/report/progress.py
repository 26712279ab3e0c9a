"""Progress of running cases: a live display at the bottom of a terminal, elsewhere a line per finished case."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from rich.console import Console, Group
from rich.text import Text

from harness.report.details import Line
from harness.report.paint import STYLES, Sheet, painted
from harness.report.wording import count_words, seconds_words, tally

_BAR = 20
"""Columns of a progress bar."""

_REFRESHES_PER_SECOND = 8

HEARTBEAT_SECONDS = 30.0
"""After this much silence, someone reading a log would think that the command hangs."""


class Progress(Protocol):
    """Receives the progress of runs and cases, from any thread; `label` is the case id with the run's number."""

    def expect(self, further: int) -> None:
        """Expect `further` runs besides the cases' own: variations, replays, trials of weak cases."""

    def started(self, label: str) -> None:
        """The run was handed to a worker."""

    def progressed(self, label: str, stage: str, step: int, total: int) -> None:
        """The run has done `step` of `total` (0 if unknown) in `stage` (loading, running)."""

    def finished(self, label: str, *, further: bool = False) -> None:
        """The run ended; `further` says whether it was one of the runs besides the cases' own."""

    def concluded(self, case: str, word: str, seconds: float) -> None:
        """All runs that decide the case have ended, with this verdict or state."""


class NoProgress:
    """Shows nothing."""

    def expect(self, further: int) -> None:
        """Show nothing."""

    def started(self, label: str) -> None:
        """Show nothing."""

    def progressed(self, label: str, stage: str, step: int, total: int) -> None:
        """Show nothing."""

    def finished(self, label: str, *, further: bool = False) -> None:
        """Show nothing."""

    def concluded(self, case: str, word: str, seconds: float) -> None:
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
    """The state of all running cases, and how it is displayed."""

    def __init__(self, cases: int) -> None:
        self._cases = cases
        self._words: dict[str, str] = {}
        self._further = 0
        self._further_done = 0
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()

    def expect(self, further: int) -> None:
        """Add `further` expected runs besides the cases' own."""
        with self._lock:
            self._further += further

    def started(self, label: str) -> None:
        """Show a line for `label`."""
        with self._lock:
            self._running[label] = _Running()

    def progressed(self, label: str, stage: str, step: int, total: int) -> None:
        """Update the line of `label`, unless its run has already ended."""
        with self._lock:
            if label in self._running:
                self._running[label] = replace(self._running[label], stage=stage, step=step, total=total)

    def finished(self, label: str, *, further: bool = False) -> None:
        """Remove the line of `label`, and count it if it is a further run."""
        with self._lock:
            self._running.pop(label, None)
            self._further_done += further

    def concluded(self, case: str, word: str, seconds: float) -> None:  # noqa: ARG002 - Progress has it
        """Count the case."""
        with self._lock:
            self._words[case] = word

    def lines(self, console: Console) -> list[Text]:
        """A line for each active run, in order of their start, and the count."""
        with self._lock:
            running = dict(self._running)
        filled, rest = ("#", "-") if console.options.ascii_only else ("━", "─")
        sheet = Sheet(["", "", ""])
        for label, state in running.items():
            sheet.add(label, state.words(), state.bar(filled, rest))
        return [*(sheet.lines(console) if running else []), *painted([Line(self.count())], console)]

    def running(self) -> str:
        """The active runs in words: `sd/image step 12 of 50, ddpm/two loading`; "" if there are none."""
        with self._lock:
            return ", ".join(f"{label} {state.words()}" for label, state in self._running.items())

    def count(self) -> str:
        """`12 of 31 cases: 10 identical, 2 drifted; 4 of 22 further runs`."""
        with self._lock:
            found = Counter(self._words.values())
            further = (
                f"; {self._further_done} of {count_words(self._further, 'further run')}"
                if self._further
                else ""
            )
        done = f"{found.total()} of {count_words(self._cases, 'case')}"
        words = tally({word: found[word] for word in sorted(found, key=_rank)})
        return f"{done}: {words}{further}" if words else f"{done}{further}"


def _rank(word: str) -> int:
    """The position of a verdict or state in every summary."""
    return list(STYLES).index(word) if word in STYLES else len(STYLES)


class Lines:
    """A line for each case as it ends, and one with the active runs after a long silence."""

    def __init__(
        self, board: Board, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._board = board
        self._say = say
        self._clock = clock
        self._lock = threading.Lock()
        self._spoke = clock()
        self.expect, self.started = board.expect, board.started
        self.progressed, self.finished = board.progressed, board.finished

    def concluded(self, case: str, word: str, seconds: float) -> None:
        """Print the outcome of the case."""
        self._board.concluded(case, word, seconds)
        self._speak(f"{case}  {word}  {seconds_words(seconds)} s")

    def beat(self) -> float:
        """Print the active runs after HEARTBEAT_SECONDS of silence; returns the seconds until the next check."""
        silent = self._clock() - self._spoke
        if silent < HEARTBEAT_SECONDS:
            return HEARTBEAT_SECONDS - silent
        running = self._board.running()
        self._speak(
            f"still running: {running}; {self._board.count()}"
            if running
            else f"still running: {self._board.count()}"
        )
        return HEARTBEAT_SECONDS

    def _speak(self, line: str) -> None:
        with self._lock:
            self._say(line)
            self._spoke = self._clock()


@contextmanager
def spoken(lines: Lines) -> Iterator[Progress]:
    """Run the heartbeat of `lines` while open."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(lines.beat()):
            pass

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield lines
    finally:
        ended.set()
        heart.join()


@contextmanager
def live_display(board: Board, console: Console) -> Iterator[Progress]:
    """Draw the board at the bottom of the terminal while open, then remove it."""
    from rich.live import Live  # only a terminal needs it

    live = Live(
        get_renderable=lambda: Group(*board.lines(console)),
        console=console,
        transient=True,
        refresh_per_second=_REFRESHES_PER_SECOND,
        redirect_stdout=False,
        # Warnings would tear the display; if standard error is a file, they must still go there.
        redirect_stderr=sys.stderr.isatty(),
    )
    with live:
        yield board
