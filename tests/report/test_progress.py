from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from harness.report.paint import STYLES
from harness.report.progress import HEARTBEAT_SECONDS, Board, Lines, spoken
from harness.report.terminal import Screen
from tests.report.samples import LONG_ID
from tests.report.screens import Terminal, columns, without_colours


def _picture(board: Board, encoding: str = "utf-8") -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return [line.plain for line in board.lines(Console(file=stream, width=80))]


def test_a_line_for_each_run_under_way_and_the_count() -> None:
    board = Board(12)
    for label in ("sd-digits/ddim@seed=0", "ddpm/ddim (run 2)", "new", "gone"):
        board.started(label)
    board.progressed("sd-digits/ddim@seed=0", "running", 12, 50)
    board.progressed("ddpm/ddim (run 2)", "loading", 0, 0)
    board.finished("gone")
    board.progressed("gone", "running", 1, 2)
    board.concluded("gone", "broken", 1.0)
    # 12 of 50 steps are 4.8 of 20 columns.
    assert _picture(board) == [
        "sd-digits/ddim@seed=0  step 12 of 50  " + "━" * 4 + "─" * 16,
        "ddpm/ddim (run 2)      loading",
        "new                    starting",
        "1 of 12 cases: 1 broken",
    ]


def test_cases_are_counted_by_verdict_and_further_runs_separately() -> None:
    board = Board(31)
    board.expect(20)
    board.expect(2)
    for number in range(12):
        board.started(f"case {number}")
        board.finished(f"case {number}")
        board.concluded(
            f"case {number}", "drifted" if number == 0 else "skipped" if number == 1 else "identical", 1.0
        )
    for number in range(4):
        board.started(f"case 0 (run {number})")
        board.finished(f"case 0 (run {number})", further=True)
    assert _picture(board) == ["12 of 31 cases: 10 identical, 1 drifted, 1 skipped; 4 of 22 further runs"]


def test_before_the_first_verdict_nothing_is_claimed() -> None:
    board = Board(1)
    assert _picture(board) == ["0 of 1 case"]
    board.expect(1)
    board.started("a")
    board.finished("a")
    assert _picture(board) == ["0 of 1 case; 0 of 1 further run"]


def test_an_unknown_total_shows_only_the_step() -> None:
    board = Board(1)
    board.started("a")
    board.progressed("a", "running", 3, 0)
    assert _picture(board) == ["a  step 3", "0 of 1 case"]


def test_long_ids_stay_whole() -> None:
    board = Board(2)
    board.started(LONG_ID)
    board.progressed(LONG_ID, "running", 50, 50)
    assert _picture(board) == [
        "sd/variants@call.prompt=a-handwritten-seven-1a2b3c4d,",
        "scheduler.class=DDIMScheduler,seed=0",
        "    step 50 of 50  " + "━" * 20,
        "0 of 2 cases",
    ]


def test_a_count_wider_than_the_terminal_is_wrapped() -> None:
    board = Board(1000)
    for number, word in enumerate(STYLES):
        board.concluded(str(number), word, 0.0)
    board.expect(1000)
    assert max(map(columns, _picture(board))) <= 80


def test_bars_in_ascii_where_the_terminal_has_no_more() -> None:
    board = Board(1)
    board.started("a")
    board.progressed("a", "running", 1, 2)
    assert _picture(board, "ascii")[0] == "a  step 1 of 2  " + "#" * 10 + "-" * 10


def test_many_threads_at_once_are_all_counted() -> None:
    board = Board(400)

    def work(name: str) -> None:
        for number in range(50):
            label = f"{name}-{number}"
            board.expect(1)
            board.started(label)
            board.progressed(label, "running", 1, 2)
            board.lines(Console(file=io.StringIO(), width=80))
            board.finished(label, further=True)
            board.concluded(label, "drifted" if number % 2 else "identical", 1.0)

    threads = [threading.Thread(target=work, args=(str(thread),)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = "400 of 400 cases: 200 identical, 200 drifted; 400 of 400 further runs"
    assert _picture(board) == [expected]


def test_the_live_display_draws_and_goes_away() -> None:
    stream = Terminal()
    with Screen(quiet=False, stream=stream, width=80).watch(1) as progress:
        progress.started("sd/ddim")
        progress.progressed("sd/ddim", "running", 1, 2)
    drawn = without_colours(stream.getvalue())
    assert drawn.startswith("\x1b[?25l"), "the cursor is hidden meanwhile"
    assert "sd/ddim  step 1 of 2" in drawn
    assert drawn.endswith("\x1b[?25h\r\x1b[1A\x1b[2K\x1b[1A\x1b[2K"), (
        "the cursor is back and both lines are erased"
    )


def test_on_a_pipe_each_case_has_its_line_when_it_ends() -> None:
    stream = io.StringIO()
    with Screen(quiet=False, stream=stream).watch(2) as progress:
        progress.started("a")
        progress.progressed("a", "running", 1, 2)
        progress.finished("a")
        assert stream.getvalue() == ""
        progress.concluded("a", "drifted", 12.345)
        assert stream.getvalue() == "a  drifted  12.3 s\n"
        progress.concluded("b\x1b[2J", "identical", 0.04)
    assert stream.getvalue() == "a  drifted  12.3 s\nb  identical  0.0 s\n"


def test_quiet_says_nothing_on_the_way() -> None:
    for stream in (io.StringIO(), Terminal()):
        with Screen(quiet=True, stream=stream).watch(1) as progress:
            progress.expect(1)
            progress.started("a")
            progress.progressed("a", "running", 1, 2)
            progress.finished("a", further=True)
            progress.concluded("a", "drifted", 1.0)
        assert stream.getvalue() == ""


class Clock:
    """Tells the time that it is set to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_after_a_silence_the_active_runs_are_reported() -> None:
    board, said, clock = Board(31), list[str](), Clock()
    lines = Lines(board, said.append, clock)
    lines.started("sd/image")
    lines.progressed("sd/image", "running", 12, 50)
    lines.started("ddpm/two")
    clock.now += HEARTBEAT_SECONDS - 1
    assert lines.beat() == 1.0
    assert said == []
    clock.now += 1
    assert lines.beat() == HEARTBEAT_SECONDS
    assert said == ["still running: sd/image step 12 of 50, ddpm/two starting; 0 of 31 cases"]
    clock.now += 20
    lines.concluded("sd/image", "identical", 49.0)
    clock.now += 20
    assert lines.beat() == HEARTBEAT_SECONDS - 20, "a line was said 20 seconds ago"
    lines.finished("sd/image")
    lines.finished("ddpm/two")
    clock.now += 20
    lines.beat()
    assert said[1:] == ["sd/image  identical  49.0 s", "still running: 1 of 31 cases: 1 identical"]


def test_the_heart_beats_by_itself_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.report.progress.HEARTBEAT_SECONDS", 0.001)
    twice, said = threading.Event(), list[str]()

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            twice.set()

    with spoken(Lines(Board(1), say)):
        assert twice.wait(60)
    count = len(said)
    assert len(said) == count
