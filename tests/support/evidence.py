"""Judge by files of the tests' own: the evidence is gathered, used for one question, and closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.core.capture import Completed, Outcome
from harness.core.case import Case
from harness.core.results.explanation import Explanation
from harness.core.results.verdict import CaseResult
from harness.core.tolerance import Relation
from harness.errors import UnreadableGolden
from harness.explain import results
from harness.golden.store import Found, GoldenStore
from harness.golden.tensors import TensorFile
from harness.judge import forced as replays
from harness.judge import judge as judging
from harness.judge.evidence import Evidence, JudgingGolden, gathered, opened


def judge(
    case: Case, outcome: Outcome, store: GoldenStore, *, relation: Relation | None = None
) -> CaseResult:
    """The judgement of one run."""
    with gathered(case, outcome, store, relation=relation) as evidence:
        return judging.judge(evidence)


def judge_forced(
    case: Case, result: CaseResult, outcome: Outcome | None, *, decides: bool = True
) -> CaseResult:
    """`result`, which may be made by hand, with the forced replay of the golden that it names."""
    with evidence_of(case, result) as evidence:
        evidence.replayed(outcome, decides=decides)
        assert evidence.replay is not None
        return replays.reconciled(evidence, result, evidence.replay)


def replayable(case: Case, result: CaseResult) -> bool:
    """Whether the case of `result` can be replayed."""
    with evidence_of(case, result) as evidence:
        return replays.replayable(evidence, result)


def explanation_of(case: Case, result: CaseResult, capture: Path, forced: Path | None = None) -> Explanation:
    """Why `result` came out as it did, by its golden and these captures."""
    with evidence_of(case, result, capture, forced) as evidence:
        return results.explanation_of(evidence, result)


def with_divergence(case: Case, result: CaseResult, capture: Path, forced: Path | None = None) -> CaseResult:
    """`result` with where it began, by its golden and these captures."""
    with evidence_of(case, result, capture, forced) as evidence:
        return results.with_divergence(evidence, result)


@contextmanager
def evidence_of(
    case: Case, result: CaseResult, capture: Path | None = None, forced: Path | None = None
) -> Iterator[Evidence]:
    """The evidence that a result made by hand speaks of."""
    golden, path = None, Path(result.golden or "")
    if result.golden is not None and result.relation is not None:
        try:
            golden = JudgingGolden(TensorFile(path), Found(path, path.stem, nearest=False), result.relation)
        except UnreadableGolden as error:
            golden = error
    environment = golden.document.environment if isinstance(golden, JudgingGolden) else None
    outcome = Completed(str(capture), environment, 1.0)  # type: ignore[arg-type]
    evidence = Evidence(case, outcome, golden, opened(capture) if capture else None)
    if forced is not None:
        evidence.replayed(Completed(str(forced), environment, 1.0))  # type: ignore[arg-type]
    with evidence:
        yield evidence
