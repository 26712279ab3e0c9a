"""What a page is made of: the report, and for every case that needs a decision everything that helps to make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.measured.calibration import Growth
from harness.core.results.explanation import GrowthRow, Suspect
from harness.core.results.groups import Group
from harness.core.results.verdict import CaseResult, Report
from harness.report.page.shown import Shown


@dataclass(frozen=True, slots=True)
class ReviewedCase:
    """A case that does not pass.

    `benign` is the growth that benign variations cause, times the calibration's factor, `envelope` by output and
    metric what they reach; both empty without a calibration. `asked` is what the case asks for, `notes` what could
    not be shown and why.
    """

    result: CaseResult
    outputs: tuple[Shown, ...] = ()
    growth: tuple[GrowthRow, ...] = ()
    benign: tuple[Growth, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    envelope: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    asked: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


Key = tuple[str, str | None]
"""A case's id and its platform: a merged report has a case once for each platform."""


def key_of(result: CaseResult) -> Key:
    """What a result is found by."""
    return result.case, result.platform


@dataclass(frozen=True, slots=True)
class Review:
    """A report with its failures by cause; `cases` holds those of the groups by id and platform.

    `out` is the output folder as commands have to name it, "" for the default.
    """

    report: Report
    groups: tuple[Group, ...]
    cases: Mapping[Key, ReviewedCase]
    out: str = ""

    def case(self, result: CaseResult) -> ReviewedCase:
        """The reviewed case of a result that needs a decision; raises KeyError for others."""
        return self.cases[key_of(result)]

    @property
    def others(self) -> tuple[CaseResult, ...]:
        """The results that need no decision."""
        return tuple(one for one in self.report.cases if key_of(one) not in self.cases)
