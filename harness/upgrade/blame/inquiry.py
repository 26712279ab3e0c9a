"""The inquiry into one case: are the ends what they should be, what has to move, and is that all?"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from harness.core.capture import CaptureDocument
from harness.core.case import Case, definition_changes
from harness.core.environment import Change
from harness.core.results.blame import (
    BadEndAgrees,
    Blame,
    BlamedChange,
    BlameOutcome,
    BlameReason,
    End,
    GoodEndDiffers,
    NoCause,
    OwnChanges,
    SameEnds,
    Unsearchable,
    Unstable,
    Untold,
)
from harness.core.results.verdict import CaseResult, Verdict
from harness.golden.store import GoldenStore
from harness.report.reason_words import reason_words
from harness.upgrade.blame import judged
from harness.upgrade.blame.cause import FoundCause, cause_between
from harness.upgrade.blame.days import is_beyond
from harness.upgrade.blame.judged import Against, Threshold
from harness.upgrade.blame.own_changes import own_changes, recorded_versions
from harness.upgrade.blame.paths import Paths
from harness.upgrade.blame.runs import Seen
from harness.upgrade.blame.search import Narrowed, Query, Search, Told, with_moves
from harness.upgrade.lock import Lock

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Ask:
    """So many runs under these packages are wanted; `left` describes what is still to be searched."""

    lock: Lock
    runs: int = 1
    left: str = ""


Inquiry = Generator[Ask, tuple[Seen, ...], Found]


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of the search; `held` moved too, but the good end cannot have it. `asked` says that both are the
    user's own, so that the golden may lie at either of them.
    """

    good: Lock
    bad: Lock
    held: tuple[Change, ...] = ()
    asked: bool = False


GoodEnd = Callable[[CaptureDocument | None], Ends | None]
"""Decides the ends, of which one may be the golden's versions; None if these are wanted and there is no golden."""


class _Ended(Exception):
    """The inquiry ends without a change to blame."""

    def __init__(self, outcome: BlameOutcome, reason: BlameReason) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.reason = reason


@dataclass
class CaseInquiry:
    """Asks for runs of one case until it knows what to blame; `scratch` is a folder for what it compares."""

    case: Case
    bad: Lock
    good_end: GoodEnd
    store: GoldenStore
    paths: Paths
    threshold: Threshold
    scratch: Path
    every: bool = False
    runs: int = 0
    moved: tuple[Change, ...] = ()
    _seen: dict[tuple[str, ...], Seen] = field(default_factory=dict)
    _folders: int = 0

    def conduct(self) -> Inquiry[Blame]:
        """The inquiry: yields what it wants to know, is sent the answers, and returns the blame."""
        try:
            return (yield from self._conduct())
        except _Ended as end:
            return self._blame(end.outcome, reason=end.reason)

    def _conduct(self) -> Inquiry[Blame]:
        bad = yield from self._end(self.bad, "bad")
        ends, golden = self._ends(bad)
        self.moved = ends.bad.moved_from(ends.good)
        if ends.good == ends.bad:
            raise self._unmoved(ends, golden, bad)
        good = yield from self._end(ends.good, "good")
        if self.every:  # what lies between the ends is asked for, whatever the golden says of them
            return (yield from self._every(ends))
        against = self._against(ends, golden, good, bad)
        tell = self._teller(against, judged.failure_of(bad))
        return (yield from self._blamed(ends, tell))

    # The ends

    def _end(self, lock: Lock, end: End) -> Inquiry[Seen]:
        """Two runs of one end that agree; the first of them."""
        pair = yield Ask(lock, 2, f"the {end} end")
        self.runs += 2
        if problem := next(filter(None, (judged.problem_of(one, None) for one in pair)), ""):
            unusable = any(one.outcome is None for one in pair)
            raise _Ended(BlameOutcome.CANNOT_TELL, Untold(end, problem, unusable=unusable))
        if differing := judged.apart(self.case, pair, self._folder()):
            raise _Ended(BlameOutcome.AMBIGUOUS, Unstable(end, differing.rel_l2))
        self._seen[lock.requirements()] = pair[0]
        return pair[0]

    def _ends(self, bad: Seen) -> tuple[Ends, Against | None]:
        """Both ends, and the golden that runs are compared with, if there is one of this definition."""
        against, asked = Against(self.case, self.store), self.good_end(None)
        golden = against.document(bad)
        stale = not isinstance(golden, str) and golden.digest != self.case.digest()
        if asked is not None:
            return asked, None if stale or isinstance(golden, str) else against
        if isinstance(golden, str):
            raise _Ended(BlameOutcome.CANNOT_TELL, Unsearchable(golden))
        if stale:
            changes = definition_changes(golden.definition, self.case.definition())
            named = tuple(replace(one, what=f"definition.{one.what}") for one in changes)
            raise _Ended(BlameOutcome.OWN_CHANGE, OwnChanges(named))
        ends = self.good_end(golden)
        assert ends is not None
        return ends, against

    def _unmoved(self, ends: Ends, golden: Against | None, bad: Seen) -> _Ended:
        """Why the case differs although no package moved."""
        if golden is None or ends.asked:
            return _Ended(BlameOutcome.NOT_REPRODUCED, SameEnds())
        result = golden.result(bad)
        if problem := judged.problem_of(bad, result):
            return _Ended(BlameOutcome.CANNOT_TELL, Untold("bad", problem))
        if not (judged.raised_by(bad) or golden.differs(result, self.threshold)):
            return _Ended(BlameOutcome.NOT_REPRODUCED, _agrees(result))
        if own := own_changes(golden.changes(bad), held=bool(ends.held)):
            return _Ended(BlameOutcome.OWN_CHANGE, OwnChanges(own))
        return _Ended(BlameOutcome.NOT_REPRODUCED, NoCause(judged.rel_l2_of(result), ends.held))

    def _against(self, ends: Ends, golden: Against | None, good: Seen, bad: Seen) -> Against:
        """What runs are compared with: the golden or, where that belongs to other versions, the good end's run."""
        against = golden if golden and (not ends.asked or self._is_of_good_end(golden, ends, good)) else None
        if against is None and not judged.raised_by(good):
            against = judged.against_run(self.case, good, self._folder())
        if against is None:
            raise _Ended(BlameOutcome.NOT_REPRODUCED, GoodEndDiffers(None, raised=judged.raised_by(good)))
        result = against.result(good)
        if problem := judged.problem_of(good, result):
            raise _Ended(BlameOutcome.CANNOT_TELL, Untold("good", problem))
        if judged.raised_by(good) or against.differs(result, self.threshold):
            raise self._good_differs(ends, against, good, result)
        if not judged.raised_by(bad):
            self._check_bad(against, bad)
        return against

    def _is_of_good_end(self, golden: Against, ends: Ends, good: Seen) -> bool:
        """Whether the golden was recorded with the versions of the good end, or with earlier ones on the way.

        The good end then has to agree with it; of two ends that the user names both may come before the golden.
        """
        document = golden.document(good)
        if isinstance(document, str):  # the bad end could not say on which platform it would have run
            return False
        recorded = recorded_versions(document)
        pairs = [(recorded.get(one.what), one.golden, one.now) for one in ends.bad.moved_from(ends.good)]
        return not any(is_beyond(version, before, after) for version, before, after in pairs)

    def _good_differs(self, ends: Ends, against: Against, good: Seen, result: CaseResult) -> _Ended:
        if not ends.asked and (own := own_changes(against.changes(good), held=bool(ends.held))):
            return _Ended(BlameOutcome.OWN_CHANGE, OwnChanges(own))
        words, raised = reason_words(result.reasons), judged.raised_by(good)
        found = GoodEndDiffers(judged.rel_l2_of(result), words, raised, ends.held)
        return _Ended(BlameOutcome.NOT_REPRODUCED, found)

    def _check_bad(self, against: Against, bad: Seen) -> None:
        result = against.result(bad)
        if problem := judged.problem_of(bad, result):
            raise _Ended(BlameOutcome.CANNOT_TELL, Untold("bad", problem))
        if not against.differs(result, self.threshold):
            raise _Ended(BlameOutcome.NOT_REPRODUCED, _agrees(result))

    # The search

    def _blamed(self, ends: Ends, tell: Callable[[Seen], Told]) -> Inquiry[Blame]:
        found = yield from self._answered(cause_between(ends.good, ends.bad, self.paths), tell)
        with_it = yield from self._answered(_once(with_moves(ends.good, found.moves)), tell)
        without = yield from self._answered(_once(with_moves(ends.bad, found.back)), tell)
        if Told.UNKNOWN in (with_it, without):
            # The ends may not fit the versions that lie between; the sets on both sides of the change do.
            with_it = yield from self._answered(_once(with_moves(found.good, found.moves)), tell)
            without = yield from self._answered(_once(with_moves(found.bad, found.back)), tell)
        changes = yield from self._changes(found)
        confirmed = with_it is Told.BAD and without is Told.GOOD
        found_out = self._blame(BlameOutcome.BLAMED, changes, confirmed=confirmed)
        return replace(found_out, companions=tuple(found.companions))

    def _changes(self, found: FoundCause) -> Inquiry[tuple[BlamedChange, ...]]:
        """What each of the changes did, between the runs right before and after it."""
        after = with_moves(found.good, found.moves)
        changes = list[BlamedChange]()
        for one in found.narrowed:
            before = with_moves(after, {one.package: one.before})
            first = yield from self._run(before)
            if judged.problem_of(first, None):  # it works with the others only
                first = yield from self._run(found.good)
            second = yield from self._run(after)
            changes.append(self._change(one, first, second))
        return tuple(changes)

    def _change(self, one: Narrowed, before: Seen, after: Seen) -> BlamedChange:
        step = judged.step_between(self.case, before, after, self._folder())
        return BlamedChange(
            one.package, one.before, one.after, step.rel_l2, step.kind, step.first, step.raised, one.untold
        )

    # All changes on the way

    def _every(self, ends: Ends) -> Inquiry[Blame]:
        """Every change between two neighbouring sets of versions on the way from one end to the other."""
        changes = list[BlamedChange]()
        last, seen = ends.good, self._seen[ends.good.requirements()]
        locks = self.paths.step_by_step(ends.good, ends.bad)
        for number, lock in enumerate(locks[1:], 1):
            now = yield from self._run(lock, f"{len(locks) - number} sets of versions")
            if judged.problem_of(now, None):
                continue
            if not judged.same_bits(seen, now):
                changes += yield from self._between(last, lock, seen)
            last, seen = lock, now
        outcome = BlameOutcome.BLAMED if changes else BlameOutcome.NOT_REPRODUCED
        reason = None if changes else BadEndAgrees(identical=True)
        return replace(self._blame(outcome, changes, reason=reason), every=True)

    def _between(self, good: Lock, bad: Lock, seen: Seen) -> Inquiry[tuple[BlamedChange, ...]]:
        def tell(one: Seen) -> Told:
            if judged.problem_of(one, None):
                return Told.UNKNOWN
            return Told.GOOD if judged.same_bits(seen, one) else Told.BAD

        found = yield from self._answered(cause_between(good, bad, self.paths), tell)
        return (yield from self._changes(found))

    # Runs

    def _teller(self, against: Against, failure: str) -> Callable[[Seen], Told]:
        return lambda seen: judged.told_by(seen, against, self.threshold, failure)

    def _answered(self, search: Search[Found], tell: Callable[[Seen], Told]) -> Inquiry[Found]:
        """The result of a search, each of whose questions is answered by a run."""
        try:
            query = next(search)
            while True:
                seen = yield from self._run(query.lock, query.left)
                query = search.send(tell(seen))
        except StopIteration as end:
            found: Found = end.value
            return found

    def _run(self, lock: Lock, left: str = "") -> Inquiry[Seen]:
        """A run under these packages, done once in this inquiry."""
        key = lock.requirements()
        if key not in self._seen:
            (self._seen[key],) = yield Ask(lock, 1, left)
            self.runs += 1
        return self._seen[key]

    def _folder(self) -> Path:
        self._folders += 1
        return self.scratch / str(self._folders)

    def _blame(
        self,
        outcome: BlameOutcome,
        changes: Sequence[BlamedChange] = (),
        *,
        confirmed: bool = False,
        reason: BlameReason | None = None,
    ) -> Blame:
        return Blame(self.case.id, outcome, tuple(changes), self.moved, self.runs, confirmed, reason=reason)


def _once(lock: Lock) -> Search[Told]:
    return (yield Query(lock, "the confirmation"))


def _agrees(result: CaseResult) -> BadEndAgrees:
    identical = all(one.verdict is Verdict.IDENTICAL for one in result.tensors)
    return BadEndAgrees(identical, judged.rel_l2_of(result))
