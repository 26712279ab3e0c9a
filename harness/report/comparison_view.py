"""What `harness compare` shows: the metrics between two files, tensor by tensor."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.core.verdict import TensorResult, Verdict
from harness.report.details import Line, tensor_numbers
from harness.report.paint import painted
from harness.report.reason_words import reason_words
from harness.report.wording import count_words, plain, tally, tensor_words


def comparison_sections(
    tensors: Sequence[TensorResult], left: str, right: str, console: Console, *, quiet: bool
) -> list[list[Text]]:
    """The two files' names, a block for each tensor (with `quiet` only for those that differ), a summary."""
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
