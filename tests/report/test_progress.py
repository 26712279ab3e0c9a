from __future__ import annotations

import io
import threading

from rich.console import Console

from harness.report.progress import Board
from harness.report.terminal import Screen
from tests.report.samples import LONG_ID
from tests.report.screens import Terminal, without_colours


def _picture(board: Board, encoding: str = "utf-8") -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return [line.plain for line in board.lines(Console(file=stream, width=80))]


def test_a_line_for_each_running_case_and_the_count() -> None:
    board = Board(12)
    for label in ("sd-digits/ddim@seed=0", "ddpm/ddim (run 2)", "new", "gone"):
        board.started(label)
    board.progressed("sd-digits/ddim@seed=0", "running", 12, 50)
    board.progressed("ddpm/ddim (run 2)", "loading", 0, 0)
    board.finished("gone", passed=False)
    board.progressed("gone", "running", 1, 2)
    # 12 of 50 steps are 4.8 of 20 columns.
    assert _picture(board) == [
        "sd-digits/ddim@seed=0  step 12 of 50  " + "━" * 4 + "─" * 16,
        "ddpm/ddim (run 2)      loading",
        "new                    starting",
        "1 of 12 cases done, 1 failed",
    ]


def test_an_unknown_total_shows_the_step_alone() -> None:
    board = Board(1, "run")
    board.started("a")
    board.progressed("a", "running", 3, 0)
    assert _picture(board) == ["a  step 3", "0 of 1 run done"]


def test_long_ids_stay_whole() -> None:
    board = Board(2)
    board.started(LONG_ID)
    board.progressed(LONG_ID, "running", 50, 50)
    assert _picture(board) == [
        "sd/variants@call.prompt=a-handwritten-seven-1a2b3c4d,",
        "scheduler.class=DDIMScheduler,seed=0",
        "    step 50 of 50  " + "━" * 20,
        "0 of 2 cases done",
    ]


def test_bars_in_ascii_where_the_terminal_has_no_more() -> None:
    board = Board(1)
    board.started("a")
    board.progressed("a", "running", 1, 2)
    assert _picture(board, "ascii")[0] == "a  step 1 of 2  " + "#" * 10 + "-" * 10


def test_many_threads_at_once_are_all_counted() -> None:
    board = Board(400)

    def work(name: str) -> None:
        for number in range(50):
            board.started(f"{name}-{number}")
            board.progressed(f"{name}-{number}", "running", 1, 2)
            board.lines(Console(file=io.StringIO(), width=80))
            board.finished(f"{name}-{number}", passed=number % 2 == 0)

    threads = [threading.Thread(target=work, args=(str(thread),)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _picture(board) == ["400 of 400 cases done, 200 failed"]


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


def test_no_progress_on_a_pipe_or_when_quiet() -> None:
    for quiet, stream in ((False, io.StringIO()), (True, Terminal())):
        with Screen(quiet=quiet, stream=stream).watch(1) as progress:
            progress.started("a")
            progress.progressed("a", "running", 1, 2)
            progress.finished("a", passed=True)
        assert stream.getvalue() == ""
