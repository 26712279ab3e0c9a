"""What a run says: whether it agrees with what is known to be good, and how far it is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness import __version__
from harness.core.capture import (
    OUTPUT_PREFIX,
    Acceptance,
    CaptureDocument,
    Completed,
    Raised,
    Unavailable,
)
from harness.core.case import Case
from harness.core.environment import Change
from harness.core.results.blame import ChangeKind
from harness.core.results.verdict import PASSES, CaseResult, Divergence, Verdict, worst
from harness.core.tolerance import Limits, Relation, Rule, Tolerance
from harness.errors import StoreError, UnreadableGolden
from harness.explain.results import explanation_of
from harness.explain.suspects import ROUNDING, changes
from harness.golden.header import read_document
from harness.golden.store import Found, GoldenStore
from harness.judge.evidence import Evidence, JudgingGolden, Opened, gathered
from harness.judge.judge import judge
from harness.report.reason_words import reason_words
from harness.upgrade.blame.runs import Seen
from harness.upgrade.blame.search import Told
from harness.upgrade.judging import lacking


@dataclass(frozen=True, slots=True)
class Threshold:
    """From where on a run differs: by default where its case's tolerance for other software ends.

    With `bitwise` any other bit counts, with `least` a rel_l2 above it.
    """

    bitwise: bool = False
    least: float | None = None

    def differs(self, result: CaseResult) -> bool:
        """Whether this result counts as a difference; it is that of a comparison."""
        if self.bitwise:
            return result.verdict is not Verdict.IDENTICAL
        if self.least is None or result.verdict is Verdict.BROKEN:
            return result.verdict not in PASSES
        distance = rel_l2_of(result)
        return distance is None or distance > self.least


@dataclass(frozen=True, slots=True)
class Against:
    """What runs of one case are compared with: the golden in a store.

    With `outputs` only what the pipeline returns counts, not how it came about.
    """

    case: Case
    store: GoldenStore
    outputs: bool = False

    def differs(self, result: CaseResult, threshold: Threshold) -> bool:
        """Whether the result of a comparison with this counts as a difference."""
        return threshold.differs(_of_outputs(result) if self.outputs else result)

    def document(self, seen: Seen) -> CaptureDocument | str:
        """What the golden that judges this run says about itself, or why there is none."""
        try:
            found = self.store.find(self.case, self._platform(seen))
            if isinstance(found, Found):
                return self.store.document(found.path)
        except (UnreadableGolden, StoreError) as error:
            return str(error)
        return f"it has no golden for {found.platform}"

    def _platform(self, seen: Seen) -> str:
        """The platform of a run; if it did not get far enough to tell, that of the golden."""
        if isinstance(seen.outcome, Completed | Raised):
            return seen.outcome.environment.platform
        return next(iter(self.store.platforms(self.case.id)), "none")

    def evidence(self, seen: Seen) -> Evidence:
        """The evidence of a run, to be closed by the caller; equal software gets no stricter limits than other."""
        assert seen.outcome is not None
        found = gathered(self.case, seen.outcome, self.store)
        if isinstance(found.golden, JudgingGolden) and found.golden.relation is Relation.SAME:
            found.close()
            found = gathered(self.case, seen.outcome, self.store, relation=Relation.SAME_HARDWARE)
        return found

    def result(self, seen: Seen) -> CaseResult:
        """The judgement of a run."""
        with self.evidence(seen) as evidence:
            return judge(evidence)

    def explained(self, seen: Seen) -> CaseResult:
        """The judgement of a run with where its difference began."""
        with self.evidence(seen) as evidence:
            return explanation_of(evidence, judge(evidence)).result

    def changes(self, seen: Seen) -> tuple[Change, ...]:
        """Everything besides outputs in which the run differs from the golden, by dotted name."""
        with self.evidence(seen) as evidence:
            if isinstance(evidence.golden, JudgingGolden) and isinstance(evidence.capture, Opened):
                return changes(evidence.golden.document, evidence.capture.document)
            return ()


_ROUNDING: Mapping[str, float] = {"float64": ROUNDING, "float32": ROUNDING}

_HALF_ROUNDING = 2e-2
"""In half precision one rounding is up to 4e-3; the noise between environments stays below this."""


def against_run(case: Case, seen: Seen, folder: Path) -> Against:
    """Runs are compared with this one, which is kept in `folder` like a golden.

    It has no calibration. Where the case's limits are calibrated, rounding of its dtype is allowed instead.
    """
    assert isinstance(seen.outcome, Completed)
    if case.tolerance.same_hardware is Rule.CALIBRATED:
        limits = Limits(rel_l2=_ROUNDING.get(case.model.dtype, _HALF_ROUNDING))
        case = replace(case, tolerance=Tolerance(Rule.EXACT, limits, limits))
    at = datetime.now(UTC).isoformat(timespec="seconds")
    store = GoldenStore(folder)
    store.accept(Path(seen.outcome.path), Acceptance("record", at, 1, __version__))
    return Against(case, store, outputs=True)


def _of_outputs(result: CaseResult) -> CaseResult:
    """The result as if nothing but the outputs had been compared."""
    if not result.tensors:
        return result
    return replace(result, verdict=worst(one.verdict for one in result.tensors))


COMPARED = frozenset({Verdict.IDENTICAL, Verdict.WITHIN, Verdict.DRIFTED, Verdict.BROKEN, Verdict.STALE})
"""The verdicts that say something about the run itself; `stale` is one with other weights, its definition is equal."""


def problem_of(seen: Seen, result: CaseResult | None) -> str:
    """Why a run says nothing, "" if it does."""
    if seen.outcome is None:
        return seen.problem
    if isinstance(seen.outcome, Completed | Raised) or raised_by(seen):
        return "" if result is None or result.verdict in COMPARED else reason_words(result.reasons)
    if isinstance(seen.outcome, Unavailable):
        return f"cannot run here: {seen.outcome.reason}"
    return f"ended before it gave a result: {seen.outcome.reason}"


def rel_l2_of(result: CaseResult) -> float | None:
    """The largest rel_l2 of all outputs; None if one is undefined, or if there is nothing to compare."""
    found = [0.0 if one.verdict is Verdict.IDENTICAL else one.metrics.get("rel_l2") for one in result.tensors]
    values = [value for value in found if value is not None]
    return max(values) if values and len(values) == len(found) else None


def raised_by(seen: Seen) -> str:
    """The exception that the pipeline raised, or the name that these versions lack, in one line; "" if it ran."""
    if isinstance(seen.outcome, Raised):
        return seen.outcome.message
    missing = lacking(seen.outcome)
    return reason_words((missing,)) if missing else ""


def failure_of(seen: Seen) -> str:
    """The kind of failure that ended the pipeline: the class of what it raised; "" if it ran.

    The words of one failure change from release to release, so they do not tell two failures apart.
    """
    if isinstance(seen.outcome, Raised):
        return seen.outcome.message.partition(":")[0]
    return "a missing name" if raised_by(seen) else ""


@dataclass(frozen=True, slots=True)
class Step:
    """What lies between the runs of two versions."""

    kind: ChangeKind
    rel_l2: float | None
    first: Divergence | None
    raised: str = ""


def step_between(case: Case, before: Seen, after: Seen, folder: Path) -> Step:
    """The difference between two runs; `folder` is for the first of them.

    Where the second one stays within the tolerance for other software it is rounding.
    """
    if raised := raised_by(after):
        return Step(ChangeKind.BEHAVIOUR, None, None, raised)
    if not (isinstance(before.outcome, Completed) and isinstance(after.outcome, Completed)):
        return Step(ChangeKind.BEHAVIOUR, None, None)
    result = against_run(case, before, folder).explained(after)
    rounding = _of_outputs(result).verdict is Verdict.WITHIN
    kind = ChangeKind.ROUNDING if rounding else ChangeKind.BEHAVIOUR
    return Step(kind, rel_l2_of(result), result.first_divergence)


def told_by(seen: Seen, against: Against, threshold: Threshold, failure: str = "") -> Told:
    """What a run says; with `failure` it is asked for whether the pipeline fails in this way, and numbers do not count.

    Of a set that fails in another way, as one does whose versions do not fit, nothing can be said.
    """
    if seen.outcome is None or problem_of(seen, None):
        return Told.UNKNOWN
    if failure and not raised_by(seen):
        return Told.GOOD
    if failure:
        return Told.BAD if failure_of(seen) == failure else Told.UNKNOWN
    if raised_by(seen):
        return Told.UNKNOWN
    result = against.result(seen)
    if problem_of(seen, result):
        return Told.UNKNOWN
    return Told.BAD if against.differs(result, threshold) else Told.GOOD


@dataclass(frozen=True, slots=True)
class Apart:
    """Two runs of the same versions that differ; `rel_l2` is None if undefined."""

    rel_l2: float | None


def apart(case: Case, pair: Sequence[Seen], folder: Path) -> Apart | None:
    """How far two runs of one set of versions differ; None if they gave the same bits, or both raised."""
    first, second = pair
    if raised_by(first) or raised_by(second):
        return None if raised_by(first) and raised_by(second) else Apart(None)
    result = against_run(case, first, folder).result(second)
    return None if _of_outputs(result).verdict is Verdict.IDENTICAL else Apart(rel_l2_of(result))


def same_bits(first: Seen, second: Seen) -> bool:
    """Whether two runs gave the same outputs, by the digests of their captures, or raised the same."""
    if isinstance(first.outcome, Completed) and isinstance(second.outcome, Completed):
        return _outputs(first.outcome) == _outputs(second.outcome)
    return raised_by(first) == raised_by(second) and bool(raised_by(first))


def _outputs(outcome: Completed) -> Mapping[str, str]:
    digests = read_document(Path(outcome.path)).sha256
    return {name: digest for name, digest in digests.items() if name.startswith(OUTPUT_PREFIX)}
