"""The trials of one command: which workers run them, what shows their progress, and where their captures go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from harness import files
from harness.config.project import AUTO
from harness.core.capture import Lost, Outcome
from harness.core.case import Case
from harness.core.environment import Environment
from harness.core.messages import Progress
from harness.errors import StoreError
from harness.invocation.options import Options
from harness.report.progress import Progress as Display
from harness.report.terminal import Screen
from harness.run import capacity
from harness.run.executor import LocalExecutor
from harness.run.fingerprint import fingerprint
from harness.run.pool import Then, WorkerPool
from harness.run.starts import Starts
from harness.run.trial import Trial
from harness.trials.captures import capture_path


class Session:
    """The workers of a command, open from its first trial to its last. A context manager, like the pool.

    `logs` is where workers write; sessions that share an output folder need one each.
    """

    def __init__(self, options: Options, progress: Display, logs: Path | None = None) -> None:
        self.out = options.out
        self.progress = progress
        self._options = options
        self._logs = logs or options.out / "logs"
        self._starts = Starts()
        executor = LocalExecutor(options.device, self._logs)
        self._pool = WorkerPool(executor, _Watcher(progress), self._starts)

    def conduct(self, trials: Sequence[Trial], then: Then | None = None) -> Iterator[tuple[Trial, Outcome]]:
        """Run the trials and show their progress; yields each with its outcome as it ends.

        Captures of earlier invocations at the same paths are removed first. `then` returns the trial that follows
        one that has ended, in the worker that holds its pipeline.
        """
        self._expect(trials)
        yield from self._pool.conduct(trials, self._jobs(trials), then and self._expected(then))

    def environment(self) -> Environment | Lost:
        """The environment of a worker before any case; Lost if none starts."""
        return fingerprint(self._options.device, self._logs, self._starts)

    def path(self, case: Case, name: str = "capture") -> Path:
        """Where the capture called `name` of `case` goes."""
        return capture_path(self.out, case, name)

    def __enter__(self) -> Self:
        self._pool.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._pool.__exit__(kind, error, where)

    def _jobs(self, trials: Sequence[Trial]) -> int:
        wished = self._options.jobs
        return capacity.workers(trials, self._options.device, self._pool.size) if wished == AUTO else wished

    def _expected(self, then: Then) -> Then:
        def following(trial: Trial, outcome: Outcome) -> Trial | None:
            found = then(trial, outcome)
            self._expect([found] if found else [])
            return found

        return following

    def _expect(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            _remove(trial.capture)
        self.progress.expect(sum(trial.further for trial in trials))


@contextmanager
def open_session(options: Options, screen: Screen, cases: int) -> Iterator[Session]:
    """A session that shows its progress over this many cases on `screen`."""
    with screen.watch(cases) as progress, Session(options, progress) as session:
        yield session


def _remove(capture: Path) -> None:
    try:
        capture.unlink(missing_ok=True)
    except NotADirectoryError:  # the worker reports which file is in the way
        pass
    except OSError as error:
        step = "grant the permission, or name another folder with --out"
        raise StoreError(f"{capture}: cannot be replaced ({files.reason(error)}); {step}") from error


@dataclass(frozen=True, slots=True)
class _Watcher:
    """Passes on to the display what the pool observes."""

    display: Display

    def started(self, trial: Trial) -> None:
        self.display.started(_label(trial))

    def progressed(self, trial: Trial, progress: Progress) -> None:
        self.display.progressed(_label(trial), progress.stage, progress.step, progress.total)

    def finished(self, trial: Trial, outcome: Outcome) -> None:  # noqa: ARG002 - Observer has it
        self.display.finished(_label(trial), further=trial.further)


def _label(trial: Trial) -> str:
    """The case and, if it has several trials, which one this is; the name of a capture says what it is."""
    if trial.number:
        return f"{trial.case.id} (run {trial.number})"
    return f"{trial.case.id} ({trial.capture.stem})" if trial.further else trial.case.id
