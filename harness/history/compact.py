"""A judgement as one line of a table: what SQL may ask for in columns, the rest in a short JSON text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from harness.core.nights.night import Judgement, Measured
from harness.core.results.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Line:
    """The columns of a judgement; `text` is JSON."""

    verdict: str
    golden: str | None
    outputs: str | None
    cause: str
    text: str

    @property
    def digest(self) -> str:
        """What two equal judgements share, and no others."""
        parts = json.dumps([self.verdict, self.golden, self.outputs, self.cause, self.text])
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


def packed(one: Judgement) -> Line:
    """The line of a judgement."""
    rest: dict[str, object] = {
        "trace": one.trace,
        "group": one.group,
        "what": one.what,
        "rejected": one.rejected,
        "metrics": _by_output(one.metrics),
    }
    text = json.dumps({name: value for name, value in rest.items() if value}, separators=(",", ":"))
    return Line(str(one.verdict), one.golden, one.outputs, one.cause, text)


def unpacked(line: Line) -> Judgement:
    """The judgement of a line."""
    rest = json.loads(line.text)
    metrics = tuple(
        Measured(output, metric, value, limit)
        for output, found in rest.get("metrics", {}).items()
        for metric, (value, limit) in found.items()
    )
    return Judgement(
        Verdict(line.verdict),
        line.golden,
        line.outputs,
        rest.get("trace"),
        line.cause,
        rest.get("group", ""),
        rest.get("what", ""),
        rest.get("rejected"),
        metrics,
    )


def _by_output(metrics: Iterable[Measured]) -> dict[str, dict[str, tuple[float | None, float | None]]]:
    found = dict[str, dict[str, tuple[float | None, float | None]]]()
    for one in metrics:
        found.setdefault(one.output, {})[one.metric] = (one.value, one.limit)
    return found
