"""Groups the failures of a report by their cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.core.environment import Change
from harness.core.results.cause import Cause, cause_of
from harness.core.results.verdict import CaseResult, Verdict


@dataclass(frozen=True, slots=True)
class Group:
    """The failures of one cause: what `Cause.group` calls the same. `cause` is that of the first of `results`."""

    cause: Cause
    results: tuple[CaseResult, ...]

    @property
    def first(self) -> CaseResult:
        """The case that stands for the others."""
        return self.results[0]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts that occur, in the order of `Verdict`."""
        found = {one.verdict for one in self.results}
        return tuple(verdict for verdict in Verdict if verdict in found)

    @property
    def moved(self) -> tuple[Change, ...]:
        """What moved in the environment of every case, in the first one's order of suspicion."""
        others = [{*one.environment_changes} for one in self.results[1:]]
        return tuple(
            change for change in self.first.environment_changes if all(change in other for other in others)
        )


def groups_of(results: Iterable[CaseResult]) -> tuple[Group, ...]:
    """The groups of the results that do not pass, the largest first; of equal ones, the first to appear."""
    groups = dict[str, tuple[Cause, list[CaseResult]]]()
    for result in results:
        cause = cause_of(result)
        if cause is not None:
            groups.setdefault(cause.group(), (cause, []))[1].append(result)
    found = (Group(cause, tuple(alike)) for cause, alike in groups.values())
    return tuple(sorted(found, key=lambda group: -len(group.results)))
