"""The cause of a failure without its values, so that cases which fail for one reason have one fingerprint."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.core.results import reasons as of
from harness.core.results.reasons import Reason
from harness.core.results.verdict import PASSES, CaseResult, Divergence

_FINDINGS = {
    "pipeline-raised": "raised",
    "missing-name": "missing",
    "unreadable-file": "unreadable",
    "definition-changed": "definition",
    "weights-changed": "weights",
    "exact-differs": "exact",
    "output-differs": "form",
    "not-finite": "not-finite",
    "text-differs": "text",
    "limits-exceeded": "values",
    "not-bitwise": "values",
    "replay-exceeds": "replay",
    "expectation-unmet": "expectation",
    "expectation-of-nothing": "expectation",
    "expectation-of-complex": "expectation",
    "invariant-fails": "invariant",
    "relation-refused": "no-golden",
}
"""The kind of finding that a reason stands for, the most telling first.

A drift has the same cause whether a case allows no difference or too small a one, so both are `values`.
"""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Cause:
    """What a failure is made of, without any measured value.

    `finding` is its kind, `stage` and `event` say where it began ("" if unknown), `names` what differs there: entries
    of the exact channel, invariants, components, keys of the definition. `outputs` are the outputs that fail, `module`
    is where inside a component it began. `decade` is the power of ten of the largest rel_l2 of an output, None if
    undefined: a failure that grows by that much is another one.
    """

    finding: str
    stage: str
    event: str
    names: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    module: str = ""
    decade: int | None = None

    def group(self) -> str:
        """The fingerprint that the cases of one cause share, however large it shows in each; 16 hex digits.

        Of the names, only the first counts: what follows from it is called differently in each pipeline.
        """
        return _digest([self.finding, self.stage, self.event, self.names[:1]])

    def fingerprint(self) -> str:
        """The fingerprint of exactly this failure; 16 hex digits."""
        exactly = [self.names, self.outputs, self.module, self.decade]
        return _digest([self.finding, self.stage, self.event, *exactly])


def cause_of(result: CaseResult) -> Cause | None:
    """The cause of a result that does not pass; None for one that does."""
    if result.verdict in PASSES:
        return None
    main = min(result.reasons, key=_rank, default=None)
    finding = str(result.verdict) if main is None else _FINDINGS.get(main.kind, main.kind)
    first = result.first_divergence
    alike = [one for one in result.reasons if _FINDINGS.get(one.kind, one.kind) == finding]
    names = _exact_names(result, first) if finding == "exact" else _named(alike)
    return Cause(
        finding,
        first.stage if first else "",
        first.event if first else "",
        tuple(dict.fromkeys(names)),
        tuple(sorted(tensor.name for tensor in result.tensors if tensor.verdict not in PASSES)),
        (first.module or "") if first else "",
        _decade(result),
    )


def _rank(reason: Reason) -> int:
    kinds = list(_FINDINGS)
    return kinds.index(reason.kind) if reason.kind in kinds else len(kinds)


def _exact_names(result: CaseResult, first: Divergence | None) -> list[str]:
    """The failing entries of the exact channel, those of the event where it began first."""
    names = [one.name or one.what for one in result.exact_findings if one.fails]
    began = f"{first.event}." if first else ""
    return sorted(names, key=lambda name: not (began and name.startswith(began)))


def _named(reasons: list[Reason]) -> Iterator[str]:
    """What the reasons are about, without numbers."""
    for one in reasons:
        match one:
            case of.PipelineRaised() | of.MissingName():
                yield _NUMBER.sub("#", one.message)
            case of.UnreadableFile():
                yield _NUMBER.sub("#", one.what.partition(": ")[2] or one.what)
            case of.Message():
                yield _NUMBER.sub("#", one.text.partition("\n")[0])
            case of.DefinitionChanged():
                yield from (change.what for change in one.changes)
            case of.WeightsChanged():
                yield from (change.what for change in one.components)
                yield from (file.name for file in one.files)
            case of.ReplayExceeds():
                yield from (boundary.event for boundary in one.boundaries)
            case of.ExpectationUnmet() | of.ExpectationOfNothing() | of.ExpectationOfComplex():
                yield f"{one.output}.{one.statistic}"
            case of.InvariantFails():
                yield one.invariant
            case of.ComparedInPart():
                yield from one.lacking
            case _:
                pass


def _decade(result: CaseResult) -> int | None:
    sizes = [tensor.metrics.get("rel_l2") for tensor in result.tensors]
    largest = max((size for size in sizes if size), default=0.0)
    return math.floor(math.log10(largest)) if largest and math.isfinite(largest) else None


def _digest(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
