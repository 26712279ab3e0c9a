from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from harness.core.results.recording import RecordState
from harness.core.results.verdict import Verdict
from harness.report.details import Line
from harness.report.paint import STYLES, Sheet, painted
from tests.report.screens import columns


def _console(width: int) -> Console:
    return Console(file=io.StringIO(), width=width, color_system=None)


def _lines(line: Line, width: int) -> list[str]:
    return [text.plain for text in painted([line], _console(width))]


def test_paragraphs_wrap_between_words_and_hang() -> None:
    assert _lines(Line("one two three four", indent=2), 12) == ["  one two", "    three", "    four"]


def test_what_fits_is_unchanged() -> None:
    assert _lines(Line("one  two", indent=2), 10) == ["  one  two"]


def test_ids_and_paths_break_where_their_parts_meet() -> None:
    assert _lines(Line("goldens/sd/variants@seed=0", hang=0), 14) == ["goldens/sd/", "variants@", "seed=0"]


def test_parts_that_are_too_long_fold_anywhere() -> None:
    assert _lines(Line("abcdefghij", hang=0), 4) == ["abcd", "efgh", "ij"]
    assert _lines(Line("七七七", hang=0), 5) == ["七七", "七"]


def test_whole_lines_are_never_wrapped() -> None:
    assert _lines(Line("harness record " + "a" * 100, indent=4, whole=True), 40) == [
        "    harness record " + "a" * 100
    ]


def test_every_verdict_and_state_has_a_colour() -> None:
    assert {str(word) for word in (*Verdict, *RecordState)} <= STYLES.keys()


def test_sheet_aligns_and_puts_long_first_cells_on_their_own_line() -> None:
    sheet = Sheet(["case", "n"], right=["n"])
    sheet.add("a", "1")
    sheet.add("long/case/id", "22")
    sheet.add("b", "3")
    assert [line.plain for line in sheet.lines(_console(10))] == [
        "case   n",
        "────────",
        "a      1",
        "long/case/",
        "id",
        "      22",
        "b      3",
    ]


def test_sheet_takes_width_from_the_widest_cell() -> None:
    sheet = Sheet(["case", "worst", "n"], right=["n"])
    sheet.add("a", "rel_l2 3.1e-04 > 1.0e-05", "1")
    assert [line.plain for line in sheet.lines(_console(26))] == [
        "case",
        f"    {'worst':19}  n",
        "─" * 26,
        f"a   {'rel_l2 3.1e-04 >':19}  1",
        "    1.0e-05",
    ]


def test_sheet_spans_do_not_widen_columns() -> None:
    sheet = Sheet(["case", "n"])
    sheet.span(Text("across all of the columns"))
    sheet.add("a", "1")
    assert [line.plain for line in sheet.lines(_console(30))][2:] == ["across all of the columns", "a     1"]


NASTY = st.text("abcXYZ019 /@,=.-_'\"[]{}\t\n\r\x1b\x07\u202e七数字한글é", max_size=120)


@given(st.lists(st.tuples(NASTY, NASTY, NASTY), min_size=1, max_size=4), st.integers(40, 90))
def test_sheets_never_exceed_the_width_and_lose_nothing(rows: list[tuple[str, str, str]], width: int) -> None:
    sheet = Sheet(["case", "verdict", "seconds"], right=["seconds"])
    for row in rows:
        sheet.add(*row)
    lines = [line.plain for line in sheet.lines(_console(width))]
    assert max(map(columns, lines)) <= width
    assert not any(line != line.rstrip() for line in lines)


@given(NASTY.map(lambda text: text.replace("\x1b", "")), st.integers(40, 90), st.integers(0, 8))
def test_paragraphs_never_exceed_the_width_and_lose_nothing(text: str, width: int, indent: int) -> None:
    cleaned = "".join(character for character in text if character.isprintable())
    lines = _lines(Line(cleaned, indent=indent), width)
    assert max(map(columns, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(cleaned.split())
