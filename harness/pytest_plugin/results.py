"""The verdicts of a session, put together as the report of a verify, and what is said at its end."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.core.results.verdict import Report
from harness.errors import HarnessError
from harness.golden.obsolete import obsolete, stored
from harness.pytest_plugin.configs import Loaded
from harness.pytest_plugin.options import Given
from harness.pytest_plugin.place import Place
from harness.report import json_report
from harness.report.alike import logged_once
from harness.report.silent import HarnessWarning
from harness.review.offers import with_offers
from harness.trials.captures import REPORT_NAME

JUDGED = pytest.StashKey[tuple[int, str]]()
"""On an item: the place of its case among the configs, and its report as JSON."""


def report_json(rank: int, report: Report) -> tuple[int, str]:
    """A report as it travels from a process of xdist to the controller."""
    return rank, json_report.verify_json(report)


def unfinished(out: Path) -> None:
    """Write that a run has begun whose verdicts are not known yet."""
    json_report.write_text(out / REPORT_NAME, json_report.verify_json(Report(None, (), finished=False)))


class Results:
    """The verdicts so far; `selected` are the ids of the cases to run, `whole` whether those are all of them."""

    def __init__(self, config: pytest.Config, place: Place, given: Given) -> None:
        self.selected = set[str]()
        self.whole = not (config.option.keyword or config.option.markexpr or config.getoption("lf", False))
        self.whole &= not _names_configs(config, place)
        self._place, self._given = place, given
        self._reports = dict[int, Report]()
        self._written: Path | None = None
        self._started = datetime.now(UTC)

    def warn(self, message: str) -> None:
        """A warning of the harness, in pytest's summary of warnings."""
        warnings.warn(message, HarnessWarning, stacklevel=2)

    def add(self, report: pytest.TestReport) -> None:
        """Take the verdict of an item, if the report brings one."""
        if not hasattr(report, "goldens_judged"):
            if "golden" in report.keywords:
                report.nodeid = _without_group(report.nodeid)
            return
        rank, text = report.goldens_judged
        report.nodeid = _without_group(report.nodeid)
        self._reports[rank] = json_report.read_report(text)

    def write(self, *, finished: bool) -> None:
        """Write the report where `verify` does, and where --goldens-report says; nothing if no case was judged."""
        if not self._reports:
            return
        report = self._report(finished=finished)
        text = json_report.verify_json(report)
        self._written = self._place.options.out / REPORT_NAME
        for path in filter(None, (self._written, self._given.report)):
            json_report.write_text(path, text)

    def tell(self, terminal: pytest.TerminalReporter, loaded: Loaded) -> None:
        """Name the goldens that no case uses, after a run of all cases; and where the report is."""
        if self._written:
            terminal.write_line(f"goldens: `harness report` shows the verdicts again ({self._written})")
        if not self.whole or any(file.problems for file in loaded.files):
            return
        try:
            unused = obsolete(stored(self._place.options.goldens), set(loaded.rank))
        except HarnessError as error:
            terminal.write_line(f"goldens: {error}")
            return
        for one in unused:
            terminal.write_line(f"goldens: {one.file.path.as_posix()}: {one.reason}; see `harness prune`")

    def _report(self, *, finished: bool) -> Report:
        reports = [self._reports[rank] for rank in sorted(self._reports)]
        cases = logged_once(case for report in reports for case in report.cases)
        environment = next((report.environment for report in reports if report.environment), None)
        left = self.selected - {case.case for case in cases}
        report = Report(
            environment,
            tuple(cases),
            finished=finished and not left,
            not_run=tuple(sorted(left)),
            started=self._started,
        )
        return with_offers(report, self._place.options.configs, self._place.options.goldens)


def _names_configs(config: pytest.Config, place: Place) -> bool:
    """Whether single configs were typed, or folders of them."""
    places = [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]
    return any(one != place.configs and one.is_relative_to(place.configs) for one in places)


def _without_group(node: str) -> str:
    """A node id without the `@group` of xdist, which comes after the name; names of matrix entries hold no `@`."""
    return node.rpartition("@")[0] if "@" in node.rpartition("::")[2] else node
