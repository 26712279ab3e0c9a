"""Blame over real installs from a folder of wheels: exact, offline, and as its user calls it."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Completed, Outcome
from harness.core.results.blame import Blame, BlameOutcome
from harness.golden.store import GoldenStore
from harness.report.views.blame import sentence
from harness.run.trial import Trial
from harness.upgrade.blame.commits import Commits
from harness.upgrade.blame.conduct import conduct_all
from harness.upgrade.blame.inquiry import CaseInquiry, Ends
from harness.upgrade.blame.judged import Threshold
from harness.upgrade.blame.paths import Paths
from harness.upgrade.blame.runs import Runs
from harness.upgrade.environments import Environments
from harness.upgrade.index import configured
from harness.upgrade.installer import Installer, installer
from harness.upgrade.lock import Lock
from harness.upgrade.releases import Releases
from tests.golden.builders import environment, write_capture
from tests.support.wheels import wheel
from tests.upgrade.blame.a_world import PLAIN

CHANGES = (10, 20, 30)
"""The releases of `numbers_pkg` that give another number."""

BROKEN, YANKED = 15, 17

FIRST_WITH_COMPANION = 35
"""From this release on it imports what only the companion's 2.0 has."""


def release(number: int) -> str:
    value = 1.0 + 0.1 * sum(number >= one for one in CHANGES)
    imports = "from companion import new\n" if number >= FIRST_WITH_COMPANION else ""
    broken = "import left_out\n" if number == BROKEN else ""
    return f"{imports}{broken}value = {value!r}\n"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels, and a page that says which of them was yanked."""
    folder = tmp_path_factory.mktemp("index")
    names = list[str]()
    for number in range(40):
        names.append(wheel(folder, "numbers-pkg", f"1.{number}", release(number)).name)
    names.append(wheel(folder, "companion", "1.0", "old = True\n").name)
    names.append(wheel(folder, "companion", "2.0", "new = True\n").name)
    for number in range(1, 3):
        names += [wheel(folder, f"bystander-{one}", f"{number}.0").name for one in "abc"]
    links = [
        f"<a href='{name}'{' data-yanked' if f'-1.{YANKED}-' in name else ''}>{name}</a>" for name in names
    ]
    (folder / "index.html").write_text("<html><body>" + "\n".join(links) + "</body></html>")
    return folder


def measured(trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
    """Stands in for workers: what the package of the trial's own environment gives is the output."""
    for trial in trials:
        assert trial.python is not None
        done = subprocess.run(
            [trial.python, "-I", "-c", "import numbers_pkg; print(numbers_pkg.value)"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        write_capture(trial.capture, {"images": np.float32([1.0, float(done.stdout)])}, case=trial.case)
        yield trial, Completed(str(trial.capture), environment(), 0.1)


class Search:
    """Environments and runs in a cache of the test's own."""

    def __init__(self, folder: Path, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", page.as_uri())
        self.folder = folder
        self.index = configured()
        self.tool: Installer = installer(self.index)
        environments = Environments(folder / "envs", self.tool, self.index, probe="numbers_pkg")
        self.runs = Runs(folder / "runs", folder / "scratch", "cpu", environments, Lock(), measured)

    def blame(self, good: Lock, bad: Lock) -> Blame:
        inquiry = CaseInquiry(
            case=PLAIN,
            bad=bad,
            good_end=lambda _: Ends(good, bad, asked=True),
            store=GoldenStore(self.folder / "goldens"),
            paths=Paths(Releases(self.index), self.tool, Commits(self.folder / "git")),
            threshold=Threshold(),
            scratch=self.folder / "compared",
        )
        (found,) = conduct_all([inquiry], self.runs, lambda _: None)
        return found


def lock(number: int, companion: str = "1.0", bystanders: str = "1.0") -> Lock:
    others = {f"bystander-{one}": bystanders for one in "abc"}
    return Lock({"numbers-pkg": f"1.{number}", "companion": companion, **others})


def test_blame_is_exact_over_forty_releases(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(tmp_path, index / "index.html", monkeypatch)
    blame = search.blame(lock(11), lock(29, bystanders="2.0"))
    (change,) = blame.changes
    assert (blame.outcome, change.package) == (BlameOutcome.BLAMED, "numbers-pkg")
    assert (change.before, change.after) == ("1.19", "1.20")
    assert blame.confirmed
    assert blame.runs <= math.ceil(math.log2(4)) + 2 + math.ceil(math.log2(18)) + 2 + 4

    # The second question, and one about what lies inside of it, find their environments and runs.
    search.runs.conduct = lambda trials: pytest.fail(f"{len(trials)} runs were done again")
    assert sentence(search.blame(lock(11), lock(29, bystanders="2.0"))) == sentence(blame)


def test_what_is_broken_or_yanked_is_stepped_over(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(tmp_path, index / "index.html", monkeypatch)
    versions = Paths(Releases(search.index), search.tool, Commits(tmp_path)).versions(
        "numbers-pkg", "1.14", "1.18"
    )
    assert versions == ("1.14", "1.15", "1.16", "1.18")
    blame = search.blame(lock(BROKEN), lock(29))
    assert blame.outcome is BlameOutcome.CANNOT_TELL
    assert "No module named 'left_out'" in sentence(blame)


def test_two_that_only_work_together_move_together(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(tmp_path, index / "index.html", monkeypatch)
    blame = search.blame(lock(29), lock(36, companion="2.0"))
    (change,) = blame.changes
    assert (change.package, change.before, change.after) == ("numbers-pkg", "1.29", "1.30")
    assert blame.companions == ("companion",)
    assert blame.confirmed
