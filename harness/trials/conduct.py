"""Steps shared by commands: choose the cases, run them, and keep what they leave in the output folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import files
from harness.config.load import check_calls
from harness.config.project import AUTO
from harness.core.capture import Completed, Outcome, Raised
from harness.core.case import Case
from harness.core.environment import Environment
from harness.core.messages import Progress
from harness.errors import ConfigError, HarnessError, StoreError
from harness.golden.store import GoldenStore
from harness.invocation.options import Options
from harness.invocation.selection import selected_cases
from harness.report.progress import Progress as Display
from harness.report.terminal import Screen
from harness.run import capacity
from harness.run.execute import Then, Workshop, execute
from harness.run.queue import Run

REPORT_NAME = "report.json"

FORCED_NAME = "forced"
"""The name of the capture of a forced replay."""


def cases_to_run(options: Options, screen: Screen, store: GoldenStore | None = None) -> tuple[Case, ...]:
    """The selected cases, their calls checked against what their pipelines take before anything is started.

    The calls of those with a golden of this very definition in `store` worked once: what a pipeline no longer
    takes is a finding about the pipeline, not about the config, and comes out when the case is run.
    """
    cases = selected_cases(options, screen)
    try:
        check_calls(cases)
    except ConfigError:
        # Only now the goldens are looked at: all of them are read again when they judge.
        check_calls([case for case in cases if store is None or not _worked_once(case, store)])
    return cases


def _worked_once(case: Case, store: GoldenStore) -> bool:
    """Whether a golden was recorded from the case as it is now; one that cannot be read has its own error later."""
    try:
        documents = [store.document(store.path(case.id, platform)) for platform in store.platforms(case.id)]
    except HarnessError:
        return True
    return any(document.digest == case.digest() for document in documents)


def capture_path(out: Path, case: Case, name: str = "capture") -> Path:
    """Where the capture of `case` lies in the output folder."""
    return out / "captures" / case.id / f"{name}.safetensors"


def run_all(
    runs: Sequence[Run],
    options: Options,
    progress: Display,
    *,
    fresh: bool = False,
    then: Then | None = None,
) -> Iterator[tuple[Run, Outcome]]:
    """Do the runs and show how they go; captures of earlier invocations in their place are removed first.

    `then` says which run follows one that has ended, in the worker that has its pipeline.
    """
    _expect(runs, progress)
    jobs = options.jobs if options.jobs != AUTO else capacity.workers(runs, options.device)
    workshop = Workshop(options.device, jobs, options.out / "logs", fresh, options.starts)
    yield from execute(runs, workshop, _Watcher(progress), then and _expected(then, progress))


def _expected(then: Then, progress: Display) -> Then:
    def following(run: Run, outcome: Outcome) -> Run | None:
        found = then(run, outcome)
        _expect([found] if found else [], progress)
        return found

    return following


def _expect(runs: Sequence[Run], progress: Display) -> None:
    for run in runs:
        _remove(run.capture)
    progress.expect(sum(run.further for run in runs))


def _remove(capture: Path) -> None:
    try:
        capture.unlink(missing_ok=True)
    except NotADirectoryError:  # the worker says what lies in the way
        pass
    except OSError as error:
        step = "grant the permission, or name another folder with --out"
        raise StoreError(f"{capture}: cannot be replaced ({files.reason(error)}); {step}") from error


def environment_of(outcomes: Sequence[Outcome]) -> Environment | None:
    """The environment of the first run that got far enough to have one."""
    return next(
        (outcome.environment for outcome in outcomes if isinstance(outcome, Completed | Raised)), None
    )


@dataclass(frozen=True, slots=True)
class _Watcher:
    """Tells the display what the runner observes."""

    display: Display

    def started(self, run: Run) -> None:
        self.display.started(_label(run))

    def progressed(self, run: Run, progress: Progress) -> None:
        self.display.progressed(_label(run), progress.stage, progress.step, progress.total)

    def finished(self, run: Run, outcome: Outcome) -> None:  # noqa: ARG002 - Observer has it
        self.display.finished(_label(run), further=run.further)


def _label(run: Run) -> str:
    """The case, and which of its runs where that is not the only one; captures are named after what they are."""
    if run.number:
        return f"{run.case.id} (run {run.number})"
    return f"{run.case.id} ({run.capture.stem})" if run.further else run.case.id
