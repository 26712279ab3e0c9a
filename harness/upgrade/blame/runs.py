"""The runs that a search asks for: each is done once, and its capture kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

import harness
from harness import files
from harness.codec import from_json, to_json
from harness.core.capture import Completed, Outcome, Raised
from harness.core.case import BUILTIN, Case
from harness.core.portable.switches import CPU_INFO
from harness.run.trial import Freshness, Trial
from harness.run.variables import other_start
from harness.upgrade.environments import COMPILE_CACHES, Environments, Made, not_written
from harness.upgrade.installer import NotInstalled, Unresolvable
from harness.upgrade.lock import Lock, too_old

_OUTCOME, _CAPTURE, _ASIDE = "outcome.json", "capture.safetensors", ".tmp"

_MOST_BYTES = 4 * 10**9
"""How much the captures of earlier searches may take."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A run that was asked for: its outcome, None if nothing could run; `problem` then says why."""

    outcome: Outcome | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    outcome: Completed | Raised


Conduct = Callable[[Sequence[Trial]], Iterable[tuple[Trial, Outcome]]]
"""Does trials; each is yielded with its outcome as it ends."""


class Runner(Protocol):
    """Whoever answers what searches ask."""

    def see(self, lock: Lock, wanted: Sequence[tuple[Case, int]]) -> list[tuple[Seen, ...]]:
        """As many runs of each case as it says, under the packages of `lock`; in the order of `wanted`."""


@dataclass
class Runs:
    """Runs in environments of their own; `root` is the cache folder of their captures, `scratch` that of this search.
    `here` is what is installed.

    Two runs of a case start differently, so that what depends on the start of a process differs between them, and
    with cold compile caches: a bisection that shared one has blamed a commit that changed no code (vllm-omni 6688).
    """

    root: Path
    scratch: Path
    device: str
    environments: Environments
    here: Lock
    conduct: Conduct
    _used: set[Path] = field(default_factory=set)

    def see(self, lock: Lock, wanted: Sequence[tuple[Case, int]]) -> list[tuple[Seen, ...]]:
        """As many runs of each case as it says; those that are in the cache are not done again."""
        asked = [(case, number) for case, count in wanted for number in range(1, count + 1)]
        found = {(case.id, number): self._kept(self._folder(lock, case, number)) for case, number in asked}
        missing = [(case, number) for case, number in asked if found[case.id, number] is None]
        if missing:
            made = self._made(lock)
            if isinstance(made, str):
                found |= {(case.id, number): Seen(None, made) for case, number in missing}
            else:
                for key, seen in self._run(made, missing):
                    found[key] = seen
                self._prune()
        return [tuple(_there(found[case.id, one]) for one in range(1, count + 1)) for case, count in wanted]

    def _made(self, lock: Lock) -> Made | str:
        """The environment of `lock`, or why nothing can run in it; what is installed runs where it is."""
        if lock == self.here:
            return Made(Path(sys.prefix), lock)
        if old := too_old(lock):
            return old
        try:
            made = self.environments.make(lock)
        except (NotInstalled, Unresolvable) as error:
            return f"cannot be installed: {error}"
        return f"cannot be imported: {made.problem}" if made.problem else made

    def _run(self, made: Made, wanted: Sequence[tuple[Case, int]]) -> Iterable[tuple[tuple[str, int], Seen]]:
        for trial, outcome in self.conduct([self._trial(made, case, number) for case, number in wanted]):
            seen = self._keep(self._folder(made.lock, trial.case, trial.number), outcome)
            yield (trial.case.id, trial.number), seen

    def _trial(self, made: Made, case: Case, number: int) -> Trial:
        place = self.scratch / case.id / f"{self.environments.key(made.lock)}-{number}"
        caches = {name: str(place.absolute() / name.lower()) for name in COMPILE_CACHES}
        mine = made.lock == self.here
        return Trial(
            case=case,
            capture=place / _CAPTURE,
            number=number,
            variables={**caches, **other_start(number)},
            further=True,
            freshness=Freshness.FRESH,
            python=None if mine else made.python,
        )

    def _folder(self, lock: Lock, case: Case, number: int) -> Path:
        what = [
            case.id, case.digest(), *_content_of_model(case), case.trace_level.value, str(case.determinism.threads),
            self.environments.key(lock), self.device, _processor(), _code(), str(number),
        ]  # fmt: skip
        return self.root / hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]

    def _kept(self, folder: Path) -> Seen | None:
        """The run that is kept there; its time of use is noted."""
        with suppress(OSError, ValidationError):
            kept = from_json(_Kept, (folder / _OUTCOME).read_bytes())
            os.utime(folder / _OUTCOME)
            self._used.add(folder)
            if isinstance(kept.outcome, Completed):
                return Seen(replace(kept.outcome, path=str(folder / _CAPTURE)))
            return Seen(kept.outcome)
        return None

    def _keep(self, folder: Path, outcome: Outcome) -> Seen:
        """Keep what a run gave, in one step; what may be otherwise next time, a crash or a timeout, is not kept."""
        if not isinstance(outcome, Completed | Raised):
            return Seen(outcome)
        aside = folder.with_name(f"{folder.name}.{os.getpid()}{_ASIDE}")
        try:
            _put(outcome, aside)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise not_written(aside, error) from error
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # somebody else kept the same run meanwhile
            aside.rename(folder)
        return self._kept(folder) or Seen(outcome)

    def _prune(self) -> None:
        """Remove the runs that have not been used for longest, until the rest is small enough.

        What this search has seen stays: it is compared with others later. Another search may remove what is counted.
        """
        total = 0
        for folder in sorted(filter(_is_run, self.root.glob("*")), key=_last_use, reverse=True):
            with suppress(OSError):
                total += sum(file.stat().st_size for file in folder.iterdir())
            if total > _MOST_BYTES and folder not in self._used:
                shutil.rmtree(folder, ignore_errors=True)


def _put(outcome: Completed | Raised, folder: Path) -> None:
    """What a run gave, into this new folder; raises OSError."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if isinstance(outcome, Completed):
        shutil.move(outcome.path, folder / _CAPTURE)
    files.write(folder / _OUTCOME, to_json(_Kept(outcome)).encode())


def _is_run(folder: Path) -> bool:
    return (folder / _OUTCOME).is_file() and not folder.name.endswith(_ASIDE)


def _last_use(folder: Path) -> float:
    """In seconds of the epoch; 0 if another search has removed the run."""
    with suppress(OSError):
        return (folder / _OUTCOME).stat().st_mtime
    return 0.0


def _there(seen: Seen | None) -> Seen:
    return seen or Seen(None, "the run left nothing")


@cache
def _code() -> str:
    """The state of the harness itself: a run of a worker that has been fixed since is another one."""
    return repr(files.stamps(Path(harness.__file__).parent, "*.py"))


def _processor() -> str:
    """The model of the CPU: a cache may be shared by several machines, and not every run is portable."""
    with suppress(OSError):
        lines = Path(CPU_INFO).read_text(encoding="utf-8").splitlines()
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return platform.processor() or platform.machine()


def _content_of_model(case: Case) -> list[object]:
    """What tells that the files of a model in a folder have changed since an earlier run; empty for other models."""
    place = Path(case.base, case.model.id)
    if case.model.id.startswith(BUILTIN) or not place.exists():
        return []
    return list(files.stamps(place))
