"""Walks through the failures of a verify, group by group, and does what is answered; nothing is done unseen."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from harness.core.history import Decision
from harness.core.results.groups import Group, groups_of
from harness.core.results.reasons import Message
from harness.core.results.recording import RecordResult, RecordState
from harness.core.results.review import RejectResult, RejectState
from harness.core.results.verdict import PASSES
from harness.golden.store import GoldenStore
from harness.invocation.decision import checked_reason, decision
from harness.report.terminal import Screen
from harness.review.judged import Judged
from harness.review.look import look_at
from harness.review.promote import Examined, Promotable, capture_of, promoted, replacing
from harness.review.reject import failure_of, rejected


class Answer(Enum):
    """What can be answered about a group."""

    YES = "yes"
    NO = "no"
    SKIP = "skip"
    EACH = "each"
    QUIT = "quit"


Key = tuple[str, str | None]


_MOST_CURVES = 20
"""For how many cases of a group the growth is shown: each takes a tenth of a second or more."""


class _Ended(Exception):
    """The input has ended, or somebody quits: nothing more is decided."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk through what a verify `judged`; `why` is the reason given for everything that is accepted, if any.

    `draft` proposes instead of accepting. `done` holds the results so far, by case and platform: what is decided is
    done at once, so that an interrupted walk keeps it.
    """

    judged: Judged
    store: GoldenStore
    screen: Screen
    why: str | None = None
    draft: bool = False
    done: dict[Key, RecordResult] = field(default_factory=dict)

    def through(self, found: Sequence[Examined]) -> None:
        """Show each group of failures among `found`, and do what is answered."""
        known = {_key(one): one for one in found if isinstance(one, Promotable) and _failed(one)}
        groups = deque(groups_of(one.result for one in known.values()))
        number, total = 1, len(groups)
        try:
            while groups:
                cases = [known[(result.case, result.platform)] for result in groups[0].results]
                self._show(groups[0], cases, number, total)
                answer = self._answer(cases)
                group = groups.popleft()
                if answer is Answer.EACH:
                    groups.extendleft(reversed([Group(group.cause, (one,)) for one in group.results]))
                    total += len(group.results) - 1
                else:
                    self._act(answer, cases)
                    number += 1
        except _Ended:
            return

    def results(self, found: Sequence[Examined]) -> tuple[RecordResult, ...]:
        """The result of each failure among `found`; those that were not decided are `left`."""
        return tuple(
            self.done.get(_key(one), _left(one)) if isinstance(one, Promotable) else one
            for one in found
            if not isinstance(one, Promotable) or _failed(one)
        )

    def _show(self, group: Group, cases: Sequence[Promotable], number: int, total: int) -> None:
        looks = [
            look_at(one, self.judged, self.store, growth=place < _MOST_CURVES)
            for place, one in enumerate(cases)
        ]
        self.screen.show_group(group, looks, number, total)

    def _answer(self, cases: Sequence[Promotable]) -> Answer:
        every = [one for one in Answer if one is not Answer.EACH or len(cases) > 1]
        choices = ", ".join(f"[{one.value[0]}]{one.value[1:]}" for one in every)
        what = "propose" if self.draft else "accept"
        while True:
            typed = self._ask(f"{what} {_these(cases)}? {choices}: ").strip().lower()
            for one in every:
                if typed and typed in (one.value, one.value[0]):
                    return one

    def _act(self, answer: Answer, cases: Sequence[Promotable]) -> None:
        if answer is Answer.QUIT:
            raise _Ended
        if answer is Answer.YES:
            self._accept(cases)
        elif answer is Answer.NO:
            self._reject(cases)

    def _accept(self, cases: Sequence[Promotable]) -> None:
        why = self.why
        if why is None and replacing(cases, self.store):
            why = self._reason("reason (empty: leave it): ")
            if not why:
                return
        made = decision(why)
        for one in cases:
            # Once more: there was time to change the files while somebody looked.
            again = capture_of(one.case, one.result, self.judged, self.store)
            self.done[_key(one)] = (
                promoted(again, self.store, made, draft=self.draft)
                if isinstance(again, Promotable)
                else again
            )

    def _reject(self, cases: Sequence[Promotable]) -> None:
        why = self._reason("why not? later reports quote it (empty: only leave it): ")
        if why:
            made = decision(why)
            self.done.update({_key(one): _refused(one, self._rejected(one, made), why) for one in cases})

    def _rejected(self, one: Promotable, made: Decision) -> RejectResult:
        failure = failure_of(one.case, one.result, self.judged)
        return failure if isinstance(failure, RejectResult) else rejected(failure, self.store, made)

    def _reason(self, question: str) -> str:
        """A valid reason, or "" for an empty line."""
        while True:
            typed = self._ask(question)
            if not typed.strip():
                return ""
            try:
                return checked_reason(typed)
            except ValueError as error:
                self.screen.warn(str(error))

    def _ask(self, question: str) -> str:
        typed = self.screen.ask(question)
        if typed is None:
            raise _Ended
        return typed


def _failed(one: Promotable) -> bool:
    return one.result.verdict not in PASSES


def _key(one: Promotable) -> Key:
    return one.result.case, one.result.platform


def _left(one: Promotable) -> RecordResult:
    return RecordResult(one.case.id, RecordState.LEFT, one.platform, one.result.golden, (), 0.0)


def _refused(one: Promotable, told: RejectResult, why: str) -> RecordResult:
    if told.state is RejectState.REJECTED:
        return RecordResult(
            one.case.id, RecordState.REJECTED, one.platform, one.result.golden, (Message(why),), 0.0
        )
    return RecordResult(one.case.id, RecordState.ERROR, one.platform, None, told.reasons, 0.0)


def _these(cases: Sequence[Promotable]) -> str:
    return cases[0].case.id if len(cases) == 1 else f"these {len(cases)} cases"
