"""The commands as Python functions: they return the frozen results that the reports are made of, and print nothing.

`import harness` offers them without importing this module, which happens when one of them is first looked up.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.commands import compare as compare_command
from harness.commands import record as record_command
from harness.commands import verify as verify_command
from harness.config.project import DEVICE, DEVICES, Jobs
from harness.core.results.recording import RecordReport, RecordResult, RecordState
from harness.core.results.verdict import CaseResult, Report, TensorResult, Verdict
from harness.core.tolerance import Relation
from harness.errors import ConfigError, HarnessError, UsageError
from harness.invocation import output_folder
from harness.invocation.decision import checked_reason
from harness.invocation.options import Options, VerifyOptions
from harness.invocation.place import Place, place_of
from harness.report.silent import HarnessWarning, SilentScreen

__all__ = [
    "CaseResult", "ConfigError", "HarnessError", "HarnessWarning", "RecordReport", "RecordResult", "RecordState",
    "Relation", "Report", "TensorResult", "UsageError", "Verdict", "compare", "record", "verify",
]  # fmt: skip

PathLike = str | os.PathLike[str]


def verify(
    select: str | Sequence[str] = (),
    *,
    relation: Relation | str | None = None,
    forced: bool = False,
    root: PathLike | None = None,
    configs: PathLike | None = None,
    goldens: PathLike | None = None,
    out: PathLike | None = None,
    device: str | None = None,
    jobs: Jobs | None = None,
) -> Report:
    """Run the selected cases and judge each against its golden, as `harness verify` does.

    `select` holds case ids, globs, `tag:NAME` or config files, all cases if empty. `relation` judges as if that
    relation held; `forced` adds forced replay. Folders are relative to the current one; those that are None are the
    project's, as are `device` and `jobs`. The report is also written to the output folder, so that
    `harness report`, `explain` and `accept` go on from there.

    Returns the report: `report.exit_code()` is 0 if all pass, `report.cases` holds a CaseResult per case, in the order
    of the configs. Raises ConfigError with all problems of the selected configs, UsageError for what does not exist,
    StoreError if a folder cannot be used. A case that fails raises nothing.
    """
    given = _Given(root, configs, goldens, out, device, jobs)
    options, screen = given.options(select), SilentScreen()
    how = VerifyOptions(relation=_relation(relation), forced=forced)
    with output_folder.held(options, ("verify", *options.select), screen.warn):
        return verify_command.verify(options, how, screen)


def record(
    select: str | Sequence[str] = (),
    *,
    update: bool = False,
    reason: str | None = None,
    weak_cases: bool = True,
    root: PathLike | None = None,
    configs: PathLike | None = None,
    goldens: PathLike | None = None,
    out: PathLike | None = None,
    device: str | None = None,
    jobs: Jobs | None = None,
) -> RecordReport:
    """Run each selected case twice and store a golden if both runs agree bit for bit, as `harness record` does.

    `update` replaces goldens that exist; their histories keep the `reason`. `weak_cases` adds the runs that show
    whether a case judges badly. The rest is as in `verify`, also what is raised.
    """
    options, screen = _Given(root, configs, goldens, out, device, jobs).options(select), SilentScreen()
    why = None if reason is None else _reason(reason)
    with output_folder.held(options, ("record", *options.select), screen.warn):
        return record_command.record(options, screen, update=update, weak_cases=weak_cases, why=why)


def compare(left: PathLike, right: PathLike) -> tuple[TensorResult, ...]:
    """Compare two capture or golden files bit for bit, as `harness compare` does.

    Returns a result per output of either file, with its metrics; the files agree if every verdict is
    `identical`. Raises UsageError if a file does not exist, UnreadableGolden if it is damaged.
    """
    return compare_command.compared(Path(left), Path(right))


@dataclass(frozen=True, slots=True)
class _Given:
    """The common options as a caller gave them; None is left to the project."""

    root: PathLike | None
    configs: PathLike | None
    goldens: PathLike | None
    out: PathLike | None
    device: str | None
    jobs: Jobs | None

    def options(self, select: str | Sequence[str]) -> Options:
        """The options with all defaults filled in; raises UsageError, ConfigError."""
        words = (select,) if isinstance(select, str) else tuple(select)
        root = None if self.root is None else Path(self.root)
        place = place_of(root, needs_configs=self.configs is None)
        settings = place.project.settings
        configs = self._folder(self.configs, settings.configs, place)
        return Options(
            select=tuple(place.pattern(word, configs) for word in words),
            configs=configs,
            goldens=self._folder(self.goldens, settings.goldens, place),
            out=self._folder(self.out, settings.out, place),
            device=settings.device if self.device is None else _device(self.device),
            jobs=settings.jobs if self.jobs is None else self.jobs,
            quiet=True,
        )

    def _folder(self, given: PathLike | None, setting: Path, place: Place) -> Path:
        if given is not None:
            return Path(given)
        # The caller's current folder stays as it is, so what is relative to another root becomes absolute.
        return place.project.root / setting if place.elsewhere else setting


def _reason(given: str) -> str:
    try:
        return checked_reason(given)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _device(given: str) -> str:
    if not DEVICE.fullmatch(given):
        raise UsageError(f"device={given!r}: not a device; accepted: {DEVICES}")
    return given


def _relation(given: Relation | str | None) -> Relation | None:
    try:
        return None if given is None else Relation(given)
    except ValueError as error:
        accepted = ", ".join(Relation)
        raise UsageError(f"relation={given!r}: not a relation; accepted: {accepted}") from error
