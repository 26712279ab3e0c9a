"""The part of `verify --with` between the command line and the judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.case import Case
from harness.core.results.verdict import Report
from harness.invocation.options import Options, UpgradeOptions, VerifyOptions
from harness.report.terminal import Screen
from harness.upgrade.candidate import Candidate, candidate
from harness.upgrade.environments import Environments, default_root
from harness.upgrade.index import configured
from harness.upgrade.installer import installer
from harness.upgrade.judging import judge_candidate, upgrades


def judge_candidates(
    cases: Sequence[Case], options: Options, how: VerifyOptions, upgrade: UpgradeOptions, screen: Screen
) -> list[Report]:
    """A report for each candidate, in the order in which they were asked for. Raises UsageError for bad input."""
    asked = candidates_of(upgrade)
    index = configured()
    # A source tree has to be built in any case.
    sources = any("/" in spec for one in asked for spec in one.requirements)
    tool = installer(index, upgrade.installer, sdists=upgrade.sdists or sources)
    made = upgrades(tool, Environments(default_root(), tool, index), large=upgrade.large)
    reports = []
    for number, one in enumerate(asked, 1):
        screen.note(f"candidate {number} of {len(asked)}: {one}")
        place = replace(options, out=options.out / "candidates" / str(number))
        reports.append(judge_candidate(one, cases, made, place, how, screen))
    return reports


def candidates_of(upgrade: UpgradeOptions) -> tuple[Candidate, ...]:
    """The candidates of the command line; a lock or a day counts for each of them."""
    specs = upgrade.candidates or ((),)
    return tuple(candidate(one, upgrade.lock, upgrade.day) for one in specs)
