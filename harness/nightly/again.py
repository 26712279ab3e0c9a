"""Runs failing cases again, to tell whether they fail in the same way: never to make them pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.codec import from_json, to_json
from harness.core.capture import Completed, Outcome
from harness.core.case import Case
from harness.core.results.verdict import Report, Verdict
from harness.errors import UnreadableGolden
from harness.golden.header import read_document
from harness.golden.sidecar import outputs_digest
from harness.run.trial import Freshness, Trial
from harness.run.variables import other_start
from harness.trials.captures import capture_path
from harness.trials.session import Session

NAME = "again.json"
RUNS = 2

_RUN_AGAIN = (Verdict.DRIFTED, Verdict.BROKEN)


def failing(report: Report) -> frozenset[str]:
    """The ids of the cases whose runs failed."""
    return frozenset(one.case for one in report.cases if one.verdict in _RUN_AGAIN)


def run_again(cases: Sequence[Case], session: Session) -> Mapping[str, tuple[str | None, ...]]:
    """The digests of the outputs of RUNS further runs of each case in processes of their own; None without outputs."""
    trials = [
        Trial(
            case,
            capture_path(session.out, case, f"again-{number}"),
            number,
            variables=other_start(number),
            further=True,
            freshness=Freshness.FRESH,
        )
        for case in cases
        for number in range(1, RUNS + 1)
    ]
    found = {case.id: dict[int, str | None]() for case in cases}
    for trial, outcome in session.conduct(trials):
        found[trial.case.id][trial.number] = _digest(outcome)
    return {case: tuple(digests[number] for number in sorted(digests)) for case, digests in found.items()}


def _digest(outcome: Outcome) -> str | None:
    if not isinstance(outcome, Completed):
        return None
    try:
        return outputs_digest(read_document(Path(outcome.path)))
    except UnreadableGolden:
        return None


def stored(folder: Path) -> Mapping[str, tuple[str | None, ...]]:
    """What was found in the night of this folder; nothing if a killed night did not come to it."""
    try:
        return from_json(dict[str, tuple[str | None, ...]], (folder / NAME).read_bytes())
    except (OSError, ValueError):
        return {}


def text_of(found: Mapping[str, tuple[str | None, ...]]) -> str:
    """The digests as they are stored."""
    return to_json(dict(found), dict[str, tuple[str | None, ...]], indent=2) + "\n"
