"""From the report of a verify to the night that a history keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from harness.core.environment import Environment, entries
from harness.core.nights.night import Cost, Judged, Judgement, Lock, Machine, Measured, Night
from harness.core.nights.timeline import PACKAGE
from harness.core.results.cause import Cause, cause_of
from harness.core.results.verdict import CaseResult, Passing, Report, Verdict

_OF_A_CASE = ("switches.", "software.imported.", "platform", "not_portable")
"""What depends on the case that happened to run first, or says nothing new."""

_NOWHERE = "unknown"
"""The platform of a case that never ran, where no other night could tell it."""

Again = Mapping[str, tuple[str | None, ...]]
"""The digests of further runs, by case."""


def night_of(
    report: Report, *, folder: str = "", code: int | None = None, again: Again | None = None
) -> Night:
    """The night that the report tells of; one without a time began at the beginning of time.

    The key depends on when it began, where, and on what it judged, so that the same report gives the same night on
    every machine.
    """
    started = report.started or datetime.fromtimestamp(0, UTC)
    machine, lock = environment_of(report.environment)
    platform = report.environment.platform if report.environment else _NOWHERE
    judged = tuple(_judged(one, platform, report.passing, again or {}) for one in report.cases)
    key = _key(started, machine, judged)
    return Night(key, started, machine, lock, judged, folder, code)


def environment_of(environment: Environment | None) -> tuple[Machine, Lock]:
    """What a night keeps of its environment: the machine, and the version of each package that can change a number."""
    found = entries(environment) if environment else {}
    machine = {name: value for name, value in found.items() if not name.startswith((*_OF_A_CASE, PACKAGE))}
    return Machine(machine), {
        name.removeprefix(PACKAGE): value for name, value in found.items() if name.startswith(PACKAGE)
    }


def _judged(result: CaseResult, platform: str, passing: Passing, again: Again) -> Judged:
    cost = _cost(result)
    judgement = judgement_of(result, passing)
    return Judged(result.case, result.platform or platform, judgement, cost, again.get(result.case, ()))


def judgement_of(result: CaseResult, passing: Passing) -> Judgement:
    """What is kept of a result, judged with the options of its verify."""
    cause = cause_of(result) if fails(result, passing) else None
    record = result.record
    return Judgement(
        result.verdict,
        result.golden_sha256,
        record.outputs if record else _derived(result),
        record.trace if record else None,
        cause.fingerprint() if cause else "",
        cause.group() if cause else "",
        words_of(cause) if cause else "",
        result.rejected.at[:10] if result.rejected else None,
        tuple(_measured(result)),
    )


def fails(result: CaseResult, passing: Passing) -> bool:
    """Whether the case fails a verify with these options."""
    alone = Report(None, (result,))
    return alone.exit_code(allow_missing=passing.allow_missing, strict=passing.strict) != 0


def words_of(cause: Cause) -> str:
    """The cause in a few words, without values."""
    began = f" at {cause.event}" if cause.event else f" in {cause.stage}" if cause.stage else ""
    names = f": {', '.join(cause.names[:2])}" if cause.names else ""
    return f"{cause.finding}{began}{names}"


def _derived(result: CaseResult) -> str | None:
    """What stands for the digest of the outputs in a report of an older harness: a digest of every measured value.

    The same bits measure the same against the same golden.
    """
    if not result.tensors:
        return None
    values = [[one.name, one.dtype, one.shape, dict(one.metrics)] for one in result.tensors]
    text = json.dumps([result.golden_sha256, values], sort_keys=True)
    return f"metrics-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _measured(result: CaseResult) -> list[Measured]:
    return [
        Measured(tensor.name, metric, value, tensor.limits.get(metric))
        for tensor in result.tensors
        for metric, value in tensor.metrics.items()
    ]


def _cost(result: CaseResult) -> Cost:
    total = None if result.verdict is Verdict.SKIPPED else result.seconds
    if result.record is None:
        return Cost(total=total)
    return Cost(result.record.load, result.record.run, total, result.record.memory)


def _key(started: datetime, machine: Machine, judged: Sequence[Judged]) -> str:
    found = [[one.case, one.platform, one.judgement.verdict, one.judgement.outputs] for one in judged]
    text = json.dumps([started.astimezone(UTC).isoformat(), dict(machine.entries), found], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
