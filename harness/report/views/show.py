"""What `harness show` shows: for each output what it is, and where its pictures and sounds lie."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from harness.core.results.pictured import PicturedCase, PicturedOutput
from harness.report.details import Line
from harness.report.harmless import one_line, plain
from harness.report.paint import painted


def case_section(case: PicturedCase, console: Console) -> list[Text]:
    """The case, the files that were drawn, and what could not be drawn."""
    lines = [Line(plain(case.case), bold=True, hang=0), *_sides(case)]
    lines += [Line(f"warning: {one_line(problem)}", indent=2, verdict="warning") for problem in case.problems]
    return painted(lines, console)


def output_section(output: PicturedOutput, console: Console) -> list[Text]:
    """One output with its notes and its files, each file whole on a line of its own."""
    lines = [Line(f"{plain(output.output)}  {output.kind}, {one_line(output.about)}", indent=2)]
    lines += [Line(one_line(note), indent=4) for note in output.notes]
    lines += [Line(one_line(file), indent=4, whole=True) for file in output.files]
    return painted(lines, console)


def _sides(case: PicturedCase) -> Iterator[Line]:
    yield Line(f"golden: {one_line(case.golden) if case.golden else 'none'}", indent=2)
    yield Line(f"now: {one_line(case.capture) if case.capture else 'no run here'}", indent=2)
