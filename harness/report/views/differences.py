"""The differences between two files or their environments; also a single environment."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.core.environment import Change, Environment, entries
from harness.core.results.verdict import TensorResult, Verdict
from harness.report.details import Line, tensor_numbers
from harness.report.harmless import plain
from harness.report.paint import Sheet, painted
from harness.report.reason_words import reason_words
from harness.report.wording import count_words, tally, tensor_words


def environment_sections(environment: Environment, console: Console) -> list[list[Text]]:
    """Every entry of the fingerprint, by its dotted name."""
    sheet = Sheet(["entry", "value"])
    for name, value in entries(environment).items():
        sheet.add(name, value)
    return [sheet.lines(console)]


def change_sections(changes: Sequence[Change], left: str, right: str, console: Console) -> list[list[Text]]:
    """The entries that differ between two fingerprints, side by side, in the order given."""
    names = painted([Line(f"A  {plain(left)}", whole=True), Line(f"B  {plain(right)}", whole=True)], console)
    if not changes:
        return [names, [Text("no differences", style="green")]]
    sheet = Sheet(["entry", "A", "B"])
    for change in changes:
        sheet.add(change.what, _side(change.golden), _side(change.now))
    return [names, sheet.lines(console), [Text(count_words(len(changes), "difference"), style="bold")]]


def _side(value: str | None) -> str:
    return "absent" if value is None else value


def comparison_sections(
    tensors: Sequence[TensorResult], left: str, right: str, console: Console, *, quiet: bool
) -> list[list[Text]]:
    """The names of the two files, a block per tensor (if `quiet`, only those that differ), a summary."""
    names = painted([Line(f"A  {plain(left)}", whole=True), Line(f"B  {plain(right)}", whole=True)], console)
    shown = [tensor for tensor in tensors if not quiet or tensor.verdict is not Verdict.IDENTICAL]
    blocks = [painted(_block(tensor), console) for tensor in shown]
    found = [tensor.verdict for tensor in tensors]
    counts = tally({verdict: found.count(verdict) for verdict in Verdict if verdict in found})
    summary = Text(f"{count_words(len(tensors), 'tensor')}{': ' if counts else ''}{counts}", style="bold")
    return [*([] if quiet else [names]), *blocks, [summary]]


def _block(tensor: TensorResult) -> list[Line]:
    head = Line(f"{tensor.verdict}  {plain(tensor_words(tensor))}", verdict=tensor.verdict)
    if tensor.verdict is Verdict.IDENTICAL:
        return [head]
    reason = [Line(plain(reason_words(tensor.reasons)), indent=2)] if tensor.reasons else []
    return [head, *reason, *(Line(text, indent=2) for text in tensor_numbers(tensor))]
