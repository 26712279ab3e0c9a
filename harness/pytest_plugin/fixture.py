"""The fixture `goldens`: values that a test of one's own computes, judged against goldens of that test."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import NoReturn

import pytest

from harness.core.capture import Completed
from harness.core.case import Case, ModelSpec
from harness.core.results.next_step import NextStep
from harness.core.results.recording import RecordReport, RecordResult
from harness.core.results.verdict import CaseResult, FileDigest, Report, Verdict
from harness.core.tolerance import Limits, Tolerance
from harness.core.trace import TraceLevel
from harness.golden.memory.drafts import DRAFT
from harness.golden.store import GoldenStore
from harness.golden.tensors import file_sha256
from harness.invocation.decision import decision
from harness.judge.evidence import gathered
from harness.judge.judge import judge
from harness.pytest_plugin.configs import Unlike
from harness.pytest_plugin.naming import golden_id
from harness.pytest_plugin.options import Given
from harness.pytest_plugin.outcome import concluded_record, concluded_verify, properties
from harness.pytest_plugin.place import Place
from harness.trials.acceptance import accept_capture
from harness.trials.captures import capture_path
from harness.trials.drafting import propose_capture


class GoldensOfTest:
    """What the fixture gives to the test `item`."""

    def __init__(self, item: pytest.Item, place: Place, given: Given) -> None:
        self._item, self._place, self._given = item, place, given
        self._store = GoldenStore(place.options.goldens)
        self._checked = set[str]()

    def check(self, name: str, value: object, **limits: float) -> None:
        """Judge `value` against the golden called `name` of this test.

        `value` is a torch tensor, a numpy array, a PIL image, text, numbers, or a list, tuple or mapping of these; it
        is compared in its own dtype. `limits` are metrics (`rel_l2=1e-5`, `max_abs=...`), which allow that much under
        any relation; without any, the same environment allows no different bit, and others the default limits.

        Fails the test with the text of `harness verify`. Without a golden it fails too, and leaves a draft, which
        `--goldens-update` makes the golden. Raises ValueError for a value that cannot be compared, for an unknown
        metric, and for a name that the test has checked already.
        """
        __tracebackhide__ = True
        case = self._case(name, limits)
        with self._place.entered():
            problem = self._judged(case, value)
        if problem:
            _fail(problem)

    def _case(self, name: str, limits: dict[str, float]) -> Case:
        known = [field.name for field in fields(Limits)]
        if unknown := sorted(limits.keys() - set(known)):
            raise ValueError(f"{unknown[0]}: not a metric; accepted: {', '.join(known)}")
        if not name or name in self._checked:
            raise ValueError(
                f"{name!r}: " + ("checked twice; give each value its own name" if name else "no name")
            )
        self._checked.add(name)
        node = self._item.nodeid.partition("@")[0]
        allowed = Limits(**limits)
        tolerance = Tolerance(allowed, allowed, allowed) if limits else Tolerance()
        source = str(self._item.path)
        return Case(
            id=golden_id(node, name),
            source=source,
            base=str(self._item.path.parent),
            pipeline="a value of a test",
            model=ModelSpec(node),
            seed=None,
            tolerance=tolerance,
            trace=TraceLevel.NONE,
        )

    def _judged(self, case: Case, value: object) -> str:
        """Why the test fails; "" if it passes."""
        from harness.worker.values import write_value  # imported lazily: it needs torch

        capture = capture_path(self._place.options.out, case)
        capture.parent.mkdir(parents=True, exist_ok=True)
        environment = write_value(capture, case, value)
        outcome = Completed(capture.as_posix(), environment, 0.0)
        digest = FileDigest(capture.as_posix(), file_sha256(capture))
        evidence = gathered(case, outcome, self._store, relation=self._given.relation, digest=digest)
        try:
            result = judge(evidence)
        finally:
            evidence.close()
        prefix = case.id.rpartition("/")[2]
        self._item.user_properties += [(f"{prefix}.{key}", told) for key, told in properties(result)]
        missing = result.verdict is Verdict.NO_GOLDEN
        if self._given.update and (missing or not self._given.new_only):
            return self._written(case, capture)
        return self._told(self._with_steps(case, capture, result))

    def _written(self, case: Case, capture: Path) -> str:
        made = decision(self._given.reason)
        result = accept_capture(case, capture, self._store, how="accept", runs=1, decision=made)
        if result.platform:
            DRAFT.path(self._store.path(case.id, result.platform)).unlink(missing_ok=True)
        return self._told(result)

    def _with_steps(self, case: Case, capture: Path, result: CaseResult) -> CaseResult:
        """The result with the steps that help here: the commands know no cases of tests."""
        update = ("pytest", self._item.nodeid, "--goldens-update=accept", "--goldens-reason", "...")
        if result.verdict is Verdict.NO_GOLDEN:
            propose_capture(case, capture, self._store, decision(None))
            draft = DRAFT.path(self._store.path(case.id, str(result.platform)))
            return replace(
                result, next_steps=(NextStep(f"look at the draft, {draft}, then accept it", update),)
            )
        compare = ("harness", "compare", result.golden or "", capture.as_posix())
        steps = (NextStep("look at the numbers", compare), NextStep("if the change is intended", update))
        return replace(result, next_steps=steps if result.golden else ())

    def _told(self, result: CaseResult | RecordResult) -> str:
        try:
            if isinstance(result, CaseResult):
                concluded_verify(Report(None, (result,)))
            else:
                concluded_record(RecordReport(None, (result,)), accepted=self._given.update == "accept")
        except Unlike as told:
            return str(told)
        return ""


def _fail(problem: str) -> NoReturn:
    __tracebackhide__ = True
    pytest.fail(problem)
