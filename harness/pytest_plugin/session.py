"""What the plugin does in a session with --goldens: collect the configs, run their items, report at the end."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.core.results.recording import RecordReport
from harness.core.results.verdict import Report
from harness.invocation import output_folder
from harness.invocation.options import VerifyOptions
from harness.pytest_plugin.configs import ConfigFile, GoldenItem, Loaded, loaded
from harness.pytest_plugin.options import Given
from harness.pytest_plugin.outcome import concluded_record, concluded_verify, properties
from harness.pytest_plugin.place import place_of
from harness.pytest_plugin.results import JUDGED, Results, report_json, unfinished
from harness.pytest_plugin.running import Runner


class Goldens:
    """Registered as a plugin of its own; in a run with xdist, in the controller and in each of its processes."""

    NAME = "goldens of the harness"

    def __init__(self, config: pytest.Config, given: Given) -> None:
        self.config, self.given = config, given
        self.place = place_of(config, given)
        self._worker = getattr(config, "workerinput", {}).get("workerid", "")
        self._loaded: Loaded | None = None
        self._held = ExitStack()
        how = VerifyOptions(relation=given.relation)
        logs = self.place.options.out / "logs" / self._worker
        self._runner = Runner(self.place.options, how, logs)
        self._results = Results(config, self.place, given)
        self._begun = False
        _add_configs(config, self.place.configs, given)

    def collected(self, path: Path, parent: pytest.Collector) -> ConfigFile | None:
        """The file of items at `path`, if it is a config."""
        if not path.resolve().is_relative_to(self.place.configs):
            return None
        content = self.loaded.at(path, self.place)
        if content is None:
            return None
        file = ConfigFile.from_parent(parent, path=path)
        file.goldens, file.content = self, content
        return file

    @property
    def loaded(self) -> Loaded:
        """The configs of the project, read once."""
        if self._loaded is None:
            self._loaded = loaded(self.place)
        return self._loaded

    def run(self, item: GoldenItem) -> None:
        """Run the case of an item: judge it or, on request, write its golden."""
        with self.place.entered():
            new = self.given.new_only and self._runner.has_golden(item.case)
            report: Report | RecordReport
            if self.given.update and not new:
                report = self._runner.recorded(item.case, self.given.reason)
                concluded_record(report, accepted=self.given.update == "accept")
                return
            self._begin()
            report = self._runner.verified(item.case)
            item.user_properties += properties(report.cases[0])
            item.stash[JUDGED] = report_json(self.loaded.rank[item.case.id], report)
            concluded_verify(report)

    def pytest_sessionstart(self) -> None:
        """Lock the output folder; of a run with xdist, in the controller."""
        if self._worker:
            return
        with self.place.entered():
            self._held.enter_context(
                output_folder.held(self.place.options, ["pytest", "--goldens"], self._results.warn)
            )

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the items of one model in a row: its pipeline is then loaded once."""
        places = [place for place, item in enumerate(items) if isinstance(item, GoldenItem)]
        golden = [item for item in items if isinstance(item, GoldenItem)]
        first: dict[str, int] = {}
        for place, item in enumerate(golden):
            first.setdefault(item.case.model.id, place)
        golden.sort(key=lambda item: first[item.case.model.id])
        for place, item in zip(places, golden, strict=True):
            items[place] = item

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what was selected: whatever has no verdict in the end was not run."""
        ids = [item.case.id for item in session.items if isinstance(item, GoldenItem)]
        self._results.selected.update(ids)
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            output["goldens_selected"] = ids

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """A run with a selection says nothing about goldens that no case uses."""
        self._results.whole &= not items

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item):  # type: ignore[no-untyped-def]
        """Attach the verdict, so that it reaches the controller of xdist as well."""
        report = yield
        if report.when == "call" and JUDGED in item.stash:
            report.goldens_judged = item.stash[JUDGED]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the verdict; the name is without the group that xdist appends, so that --lf finds the item."""
        if not self._worker:
            self._results.add(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> object:
        """Send all items of a model to one process of xdist; what was asked for with --dist stays as it is."""
        if config.getoption("dist") != "load":
            return None
        from harness.pytest_plugin.distribution import by_group

        return by_group(config, log, self.loaded.groups(self.place, config.rootpath))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Collect what a process of xdist selected."""
        output = getattr(node, "workeroutput", {})
        self._results.selected.update(output.get("goldens_selected", ()))

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """End the workers; write the report, in the controller alone."""
        try:
            with self.place.entered():
                self._runner.close()
                if not self._worker:
                    self._results.write(finished=exitstatus in (0, 1))
        finally:
            self._held.close()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the goldens that no case uses, and where the report is."""
        with self.place.entered():
            self._results.tell(terminalreporter, self.loaded)

    def _begin(self) -> None:
        # Before the first capture is removed: the report of an earlier run would describe captures that are gone.
        if not self._begun:
            unfinished(self.place.options.out)
        self._begun = True


def _add_configs(config: pytest.Config, configs: Path, given: Given) -> None:
    """Collect the configs too, unless what was typed lies among them, or was typed without --goldens."""
    typed = config.args_source is pytest.Config.ArgsSource.ARGS
    places = [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]
    among = any(place.is_relative_to(configs) or configs.is_relative_to(place) for place in places)
    if not among and (given.explicit or not typed):
        config.args.append(str(configs))
