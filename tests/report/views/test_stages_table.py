from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO, TextIOWrapper

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.core.results.explanation import GrowthRow
from harness.core.results.verdict import Divergence
from harness.report.views.stages_table import is_identical, sparkline, stage_lines
from tests.report.screens import columns, screen

BEGAN = Divergence("scheduler", "scheduler", "scheduler.step", 3, None, 1e-5, "the scheduler's step 3")


def row(event: str, stage: str, curve: Sequence[float | None], *, given: float | None = 0.0) -> GrowthRow:
    """The row of these calls, the same number on both sides."""
    differing = next((place for place, error in enumerate(curve) if error != 0.0), None)
    return GrowthRow(
        event,
        event.partition(".")[0],
        stage,
        calls=len(curve),
        calls_now=len(curve),
        differing=differing,
        first=None if differing is None else curve[differing],
        worst=max((error for error in curve if error is not None), default=None),
        last=curve[-1] if curve else None,
        given=given,
        curve=tuple(curve),
    )


ROWS = (
    row("pipeline.__call__", "inputs", [0.0]),
    row("tokenizer.__call__", "text_encoding", [0.0, 0.0]),
    row("text_encoder.forward", "text_encoding", [0.0, 0.0]),
    row("scheduler.set_timesteps", "scheduler", [0.0]),
    row("unet.forward", "denoiser", [0.0] * 4 + [2e-4] * 4, given=3e-3),
    row("scheduler.step", "scheduler", [0.0] * 3 + [1e-5, 1e-4, 1e-3, 1e-2, 0.5], given=2e-4),
    row("vae.decode", "decoding", [None], given=0.5),
)


def table(
    rows: Sequence[GrowthRow],
    divergence: Divergence | None = BEGAN,
    *,
    width: int = 80,
    encoding: str = "utf-8",
) -> str:
    """What a page of this encoding shows, without the margin of two columns that every line has."""
    stream = TextIOWrapper(BytesIO(), encoding=encoding)
    lines = [line.plain for line in stage_lines(rows, divergence, Console(file=stream, width=width))]
    assert all(line.startswith("  ") and columns(line) <= width for line in lines)
    return "".join(f"{line[2:]}\n" for line in lines)


def test_a_wide_page_has_a_column_of_stages() -> None:
    assert table(ROWS) == screen("""
        rel_l2 by call (▁ below 1e-7, a step per decade, █ from 0.1, · bit-identical):
        event             stage      calls  from     in  first   last  growth
        ───────────────────────────────────────────────────────────────────────
          unet.forward    denoiser       8     4  3e-03  2e-04  2e-04  ····▅▅▅▅
        > scheduler.step  scheduler      8     3  2e-04  1e-05    0.5  ···▄▅▆▇█
          vae.decode      decoding       1     0    0.5      ?      ?  ?
        bit-identical: pipeline.__call__, tokenizer, text_encoder,
          scheduler.set_timesteps
    """)


def test_a_narrow_page_names_the_stage_above_its_events() -> None:
    more = replace(ROWS[5], event="image_processor.postprocess", stage="decoding", calls_now=9)
    assert table((*ROWS, more)) == screen("""
        rel_l2 by call (▁ below 1e-7, a step per decade, █ from 0.1, · bit-identical):
        event                           calls  from     in  first   last  growth
        ──────────────────────────────────────────────────────────────────────────
        denoiser
          unet.forward                      8     4  3e-03  2e-04  2e-04  ····▅▅▅▅
        scheduler
        > scheduler.step                    8     3  2e-04  1e-05    0.5  ···▄▅▆▇█
        decoding
          vae.decode                        1     0    0.5      ?      ?  ?
          image_processor.postprocess  8 -> 9     3  2e-04  1e-05    0.5  ···▄▅▆▇█
        bit-identical: pipeline.__call__, tokenizer, text_encoder,
          scheduler.set_timesteps
    """)


def test_a_page_without_the_blocks_has_digits() -> None:
    assert table(ROWS[4:6], None, encoding="ascii") == screen("""
        rel_l2 by call (1 below 1e-7, a step per decade, 8 from 0.1, . bit-identical):
        event             stage      calls  from     in  first   last  growth
        -----------------------------------------------------------------------
          unet.forward    denoiser       8     4  3e-03  2e-04  2e-04  ....5555
          scheduler.step  scheduler      8     3  2e-04  1e-05    0.5  ...45678
    """)


def test_curves_are_ten_to_twenty_columns_wide() -> None:
    long = [row("unet.forward", "denoiser", [1e-5] * 50)]
    marks = {width: table(long, width=width).count("▄") for width in (40, 60, 65, 80, 200)}
    # The margin is 2, the event 2 + 12, the numbers 5 + 4 + 2 + 5 + 5, the gaps 6 x 2: 49 columns.
    assert marks == {40: 10, 60: 11, 65: 16, 80: 20, 200: 20}


def test_what_cannot_be_paired_is_shown_without_numbers() -> None:
    lacking = replace(row("noise.randn", "noise", []), calls_now=1)
    assert table([lacking]).splitlines()[-1].split() == [
        "noise.randn",
        "noise",
        "0",
        "->",
        "1",
        "-",
        "0",
        "-",
        "-",
    ]


def test_nothing_is_shown_of_no_trace_and_little_of_one_without_a_difference() -> None:
    assert table([]) == ""
    assert table(ROWS[:4]) == "every event of the trace is bit-identical\n"


def test_identical_is_what_was_given_and_gave_the_same_in_every_call() -> None:
    assert is_identical(ROWS[0])
    assert is_identical(row("scheduler.step", "scheduler", [0.0, 0.0]))
    for other in (
        row("scheduler.step", "scheduler", [0.0, 1e-9]),
        row("scheduler.step", "scheduler", [0.0, None]),
        row("scheduler.step", "scheduler", [0.0, 0.0], given=1e-9),
        row("scheduler.step", "scheduler", [0.0, 0.0], given=None),
        replace(ROWS[0], calls_now=2),
    ):
        assert not is_identical(other)


def test_blocks_step_at_the_decades() -> None:
    ten = [10.0**power for power in range(-9, 2)]
    assert sparkline(ten, 20, ascii_only=False) == "▁▁▂▃▄▅▆▇███"
    assert sparkline(ten, 20, ascii_only=True) == "11234567888"
    below = [math.nextafter(error, 0.0) for error in ten]
    assert sparkline(below, 20, ascii_only=False) == "▁▁▁▂▃▄▅▆▇██"


def test_a_column_stands_for_the_worst_of_its_calls() -> None:
    def marks(*curve: float | None) -> str:
        return sparkline(curve, 3, ascii_only=False)

    assert marks() == ""
    assert marks(0.0, 1e-5) == "·▄"
    assert marks(0.0, 0.0, 0.0, 1e-5, 1e-2, 1e-5) == "·▄▇"
    assert marks(0.0, 0.0, 1.0, None, 0.0, 0.0) == "·?·"
    # Seven calls in three columns: 2, 2 and 3.
    assert marks(1e-9, 0.0, 1e-6, 0.0, 0.0, 0.0, 1e-2) == "▁▃▇"


@given(st.lists(st.none() | st.floats(0.0, 1e9), min_size=1, max_size=99), st.integers(1, 30))
def test_no_curve_is_wider_than_asked_for_and_no_difference_is_lost(
    curve: list[float | None], most: int
) -> None:
    marks = sparkline(curve, most, ascii_only=False)
    assert len(marks) == min(most, len(curve))
    assert ("?" in marks) == (None in curve)
    assert (set(marks) == {"·"}) == (set(curve) == {0.0})
