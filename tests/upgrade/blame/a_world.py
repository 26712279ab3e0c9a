"""A world in which every result follows from versions by a known rule, so that the right answer is known too."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.core.capture import Acceptance, Completed, Lost, Raised
from harness.core.case import Case
from harness.core.environment import Environment
from harness.core.results.blame import Blame
from harness.core.results.reasons import MissingName
from harness.core.trace import TraceLevel
from harness.golden.store import GoldenStore
from harness.upgrade.blame.commits import Commits
from harness.upgrade.blame.conduct import conduct_all
from harness.upgrade.blame.ends import golden_ends
from harness.upgrade.blame.inquiry import CaseInquiry, Ends
from harness.upgrade.blame.judged import Threshold
from harness.upgrade.blame.paths import Paths
from harness.upgrade.blame.runs import Seen
from harness.upgrade.environments import Environments
from harness.upgrade.index import Index
from harness.upgrade.installer import Unresolvable, Wish
from harness.upgrade.judging import Upgrades
from harness.upgrade.lock import Lock
from harness.upgrade.releases import Release, Releases
from tests.golden.builders import a_case, environment, write_capture

PLAIN = a_case("a/case", trace=TraceLevel.NONE)


class Broken(Exception):
    """Nothing can run under these versions."""


class PipelineRaises(Exception):
    """The pipeline raises under these versions."""


class NameMissing(Exception):
    """These versions lack a name that the case needs."""


Rule = Callable[[Mapping[str, str], int], float]
"""What a run gives for these packages; the second argument is the number of the run. Raises Broken, PipelineRaises."""


class NoInstaller:
    """Accepts every set of versions as it is, or refuses all."""

    name = "none"

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses

    def resolve(self, wish: Wish) -> Lock:
        if self.refuses:
            raise Unresolvable("contradiction")
        return wish.preferred

    def create(self, folder: Path) -> None:
        raise AssertionError(folder)

    def install(self, lock: Lock, folder: Path) -> None:
        raise AssertionError(lock, folder)


@dataclass
class World:
    """Cases, a golden for each, and the versions that an index has; `runs` is what was run, in order."""

    folder: Path
    rule: Rule
    index: Mapping[str, Sequence[str | Release]] = field(default_factory=dict)
    here: Mapping[str, str] = field(default_factory=dict)
    runs: list[tuple[str, tuple[str, ...], int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    weights: str = "w"
    cuda: str | None = None
    platform: str = "cpu-x86_64"
    installer: NoInstaller = field(default_factory=NoInstaller)

    @property
    def store(self) -> GoldenStore:
        return GoldenStore(self.folder / "goldens")

    def golden(self, packages: Mapping[str, str], case: Case = PLAIN, weights: str = "w") -> None:
        """Record the golden of `case` under these packages."""
        capture = self._capture(case, packages, 1, self.folder / "golden.safetensors", weights)
        self.store.accept(capture, Acceptance("record", "2026-01-01T00:00:00+00:00", 2, "1.0"))

    def see(self, lock: Lock, wanted: Sequence[tuple[Case, int]]) -> list[tuple[Seen, ...]]:
        """The Runner that searches ask."""
        return [
            tuple(self._seen(case, lock, number) for number in range(1, count + 1)) for case, count in wanted
        ]

    def blame(self, *cases: Case, ends: Ends | None = None, good: Mapping[str, str] | None = None,
              bad: Mapping[str, str] | None = None, bitwise: bool = False, least: float | None = None,
              every: bool = False) -> list[Blame]:  # fmt: skip
        """What is to blame, between the golden's versions and `here` or between `good` and `bad`."""
        last = Lock(self.here if bad is None else bad)
        how = Upgrades(self.installer, Environments(self.folder, self.installer, Index()), Lock(self.here))
        inquiries = [
            CaseInquiry(
                case=case,
                bad=last,
                good_end=lambda golden: (
                    Ends(Lock(good), last, asked=True)
                    if good is not None
                    else golden_ends(golden, how, last) if golden else None
                ),
                store=self.store,
                paths=self._paths(),
                threshold=Threshold(bitwise or every, least),
                scratch=self.folder / "scratch" / str(number),
                every=every,
            )
            for number, case in enumerate(cases or (PLAIN,))
        ]  # fmt: skip
        return list(conduct_all(inquiries, self, self.notes.append))

    def _paths(self) -> Paths:
        known = {
            name: tuple(one if isinstance(one, Release) else Release(one) for one in versions)
            for name, versions in self.index.items()
        }
        return Paths(Releases(Index(), _known=known), self.installer, Commits(self.folder / "git"))

    def _seen(self, case: Case, lock: Lock, number: int) -> Seen:
        self.runs.append((case.id, lock.requirements(), number))
        name = hashlib.sha256(repr((case.id, lock.requirements(), number)).encode()).hexdigest()
        try:
            capture = self._capture(
                case, lock.packages, number, self.folder / f"{name}.safetensors", self.weights
            )
        except Broken as error:
            return Seen(None, str(error))
        except NameMissing as error:
            return Seen(Lost(str(error), lacking=MissingName("", str(error))))
        except PipelineRaises as error:
            return Seen(Raised(str(error), "", self._environment(lock.packages), 0.1))
        return Seen(Completed(str(capture), self._environment(lock.packages), 0.1))

    def _capture(
        self, case: Case, packages: Mapping[str, str], number: int, path: Path, weights: str
    ) -> Path:
        value = self.rule(packages, number)
        return write_capture(
            path, {"images": np.float32([1.0, value])}, case=case, env=self._environment(packages),
            weights={"unet": weights},
        )  # fmt: skip

    def _environment(self, packages: Mapping[str, str]) -> Environment:
        base = environment(self.platform)
        software = dataclasses.replace(base.software, packages=packages, cuda=self.cuda)
        return dataclasses.replace(base, software=software)
