from __future__ import annotations

from itertools import combinations

import pytest

from harness.core.flags import Flags
from harness.core.results.recording import Distance, RepeatReport, RepeatResult, SwitchTrial
from tests.report.samples import REPEAT
from tests.report.screens import screen, shown, widest

SCREEN = screen("""
    case                  platform    runs  verdict            L-infinity  seconds
    ──────────────────────────────────────────────────────────────────────────────
    ddpm-digits/ddim@seed=0
                          cpu-x86_64     3  deterministic               0      4.2
    ddpm-digits/unseeded  cpu-x86_64     3  not deterministic       0.731      4.3
    sd/crash              -              3  error                       -      9.0
    hub/cifar10           -              3  skipped                     -      0.0

    not deterministic  ddpm-digits/unseeded  (cpu-x86_64, 3 runs)
      images: L-infinity 0.731, 3 of 3 pairs of runs differ, up to 100 % of the
        elements differ
        run      1      2      3
        ────────────────────────
        1        .  0.731  0.688
        2    0.731      .   bits
        3    0.688   bits      .

    error  sd/crash  (3 runs)
      run 2: the worker was killed by signal 9
      log:
        last

    skipped
      hub/cifar10: the hub cannot be reached

    1 deterministic, 1 not deterministic, 1 skipped, 1 error: 2 of 4 cases failed, 1
    of them because the harness could not find out (exit code 3)
""")


def _unseeded(runs: int, distance: float | None = 0.731) -> RepeatReport:
    distances = [
        Distance(a, b, "images", distance, 1.0, False) for a, b in combinations(range(1, runs + 1), 2)
    ]
    return RepeatReport(None, (RepeatResult("a", "cpu", runs, False, tuple(distances), (), 1.0),))


def test_the_whole_screen() -> None:
    assert shown(lambda screen: screen.show_repeat(REPEAT)) == SCREEN


def test_quiet_shows_the_failures_and_the_summary() -> None:
    quiet = shown(lambda screen: screen.show_repeat(REPEAT), quiet=True)
    start, end = SCREEN.index("not deterministic  ddpm"), SCREEN.index("skipped\n")
    assert quiet == SCREEN[start:end] + SCREEN[SCREEN.index("1 deterministic") :]


@pytest.mark.parametrize(("runs", "rows"), [(8, 8), (9, 0)])
def test_a_matrix_for_up_to_eight_runs(runs: int, rows: int) -> None:
    text = shown(lambda screen: screen.show_repeat(_unseeded(runs, 1.25e-7)))
    matrix = [line for line in text.splitlines() if "1.2e-07" in line and "L-infinity" not in line]
    assert len(matrix) == (rows + 1 if rows else 1)
    assert widest(text) <= 80


def test_a_distance_that_cannot_be_measured_is_not_hidden() -> None:
    text = shown(lambda screen: screen.show_repeat(_unseeded(2, None)))
    assert "images: L-infinity undefined, 1 of 1 pair of runs differ" in text
    assert "    1         .  undef." in text


def test_flags_and_the_switch_that_makes_the_difference() -> None:
    pair = (Distance(1, 2, "images", 0.5, 1.0, False),)
    off = RepeatResult(
        "a",
        "cuda-sm90",
        2,
        False,
        pair,
        (),
        1.0,
        flags=Flags.OFF,
        reused=1,
        switches=(
            SwitchTrial("algorithms", True, 0.0),
            SwitchTrial("tf32", False, 0.25),
            SwitchTrial("threads", None, None),
        ),
        apart=(Distance(1, 1, "images", 0.125, 1.0, False), Distance(1, 1, "mask", 0.0, 0.0, True)),
    )
    on = RepeatResult("a", "cuda-sm90", 2, True, (), (), 1.0)
    assert shown(lambda screen: screen.show_repeat(RepeatReport(None, (on, off)))) == screen("""
        case  platform   flags  runs  verdict            L-infinity  seconds
        ────────────────────────────────────────────────────────────────────
        a     cuda-sm90  on        2  deterministic               0      1.0
        a     cuda-sm90  off       2  not deterministic         0.5      1.0

        not deterministic  a  (cuda-sm90, flags off, 2 runs, 2 to 2 in one worker)
          images: L-infinity 0.5, 1 of 1 pair of runs differ, up to 100 % of the
            elements differ
            run    1    2
            ─────────────
            1      .  0.5
            2    0.5    .
          with all switches off but one: algorithms alone makes the runs agree
            tf32: L-infinity 0.25
            threads: a run failed

          a, flags off against on: images L-infinity 0.125

        1 deterministic, 1 not deterministic: 1 of 2 cases failed (exit code 1)
    """)


def test_no_switch_alone() -> None:
    off = RepeatResult(
        "a", "cpu", 2, False, (), (), 1.0, flags=Flags.OFF, switches=(SwitchTrial("tf32", False, 0.25),)
    )
    text = shown(lambda screen: screen.show_repeat(RepeatReport(None, (off,))))
    assert "no switch alone makes the runs agree" in text
