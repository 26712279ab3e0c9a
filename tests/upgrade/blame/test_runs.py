"""The runs of a search: each is done once, whatever happens to the search."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Completed, Lost, Outcome, Raised
from harness.core.case import Case, ModelSpec
from harness.errors import StoreError
from harness.run.trial import Freshness, Trial
from harness.upgrade.blame import runs
from harness.upgrade.blame.runs import Runs, Seen
from harness.upgrade.environments import Environments, Made
from harness.upgrade.index import Index
from harness.upgrade.installer import NotInstalled
from harness.upgrade.lock import Lock
from tests.golden.builders import a_case, environment, write_capture
from tests.upgrade.blame.a_world import NoInstaller

CASE = a_case("a/case")
LOCK, OTHER, HERE = Lock({"p": "1"}), Lock({"p": "2"}), Lock({"p": "3"})


class Stopped(Exception):
    """Stands for a kill in the middle."""


@dataclass
class Workshop:
    """Environments and workers that cost nothing; `stop_after` is the number of trials after which a kill comes."""

    root: Path
    trials: list[Trial] = field(default_factory=list)
    made: list[Lock] = field(default_factory=list)
    problem: str = ""
    outcome: Outcome | None = None
    stop_after: int = 1000

    def runs(self, device: str = "cpu") -> Runs:
        environments = Environments(self.root / "envs", NoInstaller(), Index())
        environments.make = self._make  # type: ignore[method-assign]
        return Runs(self.root / "runs", self.root / "scratch", device, environments, HERE, self._conduct)

    def _make(self, lock: Lock) -> Made:
        self.made.append(lock)
        if self.problem.startswith("download"):
            raise NotInstalled(self.problem)
        return Made(Path("/an/environment"), lock, self.problem)

    def _conduct(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        for trial in trials:
            if len(self.trials) >= self.stop_after:
                raise Stopped
            self.trials.append(trial)
            if self.outcome:
                yield trial, self.outcome
                continue
            write_capture(trial.capture, {"images": np.float32([1.0])}, case=trial.case)
            yield trial, Completed(str(trial.capture), environment(), 0.5)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def paths(found: Sequence[tuple[Seen, ...]]) -> list[str]:
    return [one.outcome.path for each in found for one in each if isinstance(one.outcome, Completed)]


def test_the_second_question_costs_nothing(workshop: Workshop) -> None:
    first = workshop.runs().see(LOCK, [(CASE, 2)])
    assert len(workshop.trials) == 2
    assert all(Path(path).is_file() for path in paths(first))
    assert workshop.runs().see(LOCK, [(CASE, 2)]) == first
    assert (len(workshop.trials), len(workshop.made)) == (2, 1)


def test_a_search_that_was_killed_goes_on_where_it_stopped(workshop: Workshop) -> None:
    workshop.stop_after = 1
    with pytest.raises(Stopped):
        workshop.runs().see(LOCK, [(CASE, 2)])
    workshop.stop_after = 1000
    (pair,) = workshop.runs().see(LOCK, [(CASE, 2)])
    assert [trial.number for trial in workshop.trials] == [1, 2]
    assert len(paths([pair])) == 2


@pytest.mark.parametrize("other", [
    dataclasses.replace(CASE, id="b/case"),  # its captures have another name
    dataclasses.replace(CASE, seed=7),
    a_case("a/case", steps=3),
    dataclasses.replace(CASE, determinism=dataclasses.replace(CASE.determinism, threads=2)),
], ids=["name", "seed", "steps", "threads"])  # fmt: skip
def test_another_case_is_another_run(workshop: Workshop, other: Case) -> None:
    workshop.runs().see(LOCK, [(CASE, 1)])
    workshop.runs().see(LOCK, [(other, 1)])
    assert len(workshop.trials) == 2


def test_other_versions_devices_and_processors_are_other_runs(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.runs().see(LOCK, [(CASE, 1)])
    workshop.runs().see(OTHER, [(CASE, 1)])
    workshop.runs("cuda").see(LOCK, [(CASE, 1)])
    monkeypatch.setattr(runs, "_processor", lambda: "another")
    workshop.runs().see(LOCK, [(CASE, 1)])
    assert len(workshop.trials) == 4


def test_a_model_folder_that_changed_is_another_run(workshop: Workshop, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights.safetensors").write_bytes(b"1")
    case = a_case("a/case", model=ModelSpec(str(model)))
    for content in (b"1", b"2 and more"):
        (model / "weights.safetensors").write_bytes(content)
        workshop.runs().see(LOCK, [(case, 1)])
        workshop.runs().see(LOCK, [(case, 1)])
    assert len(workshop.trials) == 2


def test_what_raised_is_kept_and_what_was_lost_is_tried_again(workshop: Workshop) -> None:
    workshop.outcome = Raised("ValueError: no", "", environment(), 0.1)
    for _ in range(2):
        assert workshop.runs().see(LOCK, [(CASE, 1)]) == [(Seen(workshop.outcome),)]
    assert len(workshop.trials) == 1
    workshop.outcome = Lost("killed by signal 9")
    for _ in range(2):
        assert workshop.runs().see(OTHER, [(CASE, 1)]) == [(Seen(workshop.outcome),)]
    assert len(workshop.trials) == 3


def test_two_runs_start_differently_fresh_and_with_cold_caches(workshop: Workshop) -> None:
    workshop.runs().see(LOCK, [(CASE, 2)])
    first, second = workshop.trials
    assert {first.freshness, second.freshness} == {Freshness.FRESH}
    assert first.variables["PYTHONHASHSEED"] != second.variables["PYTHONHASHSEED"]
    assert first.variables["TORCHINDUCTOR_CACHE_DIR"] != second.variables["TORCHINDUCTOR_CACHE_DIR"]
    assert first.python is not None
    assert first.python.startswith("/an/environment")


def test_what_is_installed_runs_where_it_is(workshop: Workshop) -> None:
    workshop.runs().see(HERE, [(CASE, 1)])
    assert workshop.made == []
    assert workshop.trials[0].python is None
    assert sys.prefix  # nothing was made anew


@pytest.mark.parametrize(("problem", "words"), [
    ("ImportError: cannot import name 'X'", "cannot be imported: ImportError: cannot import name 'X'"),
    ("download failed", "cannot be installed: download failed"),
])  # fmt: skip
def test_an_environment_that_does_not_work_is_told(workshop: Workshop, problem: str, words: str) -> None:
    workshop.problem = problem
    assert workshop.runs().see(LOCK, [(CASE, 1)]) == [(Seen(None, words),)]
    assert workshop.trials == []


def test_what_is_too_old_is_not_installed(workshop: Workshop) -> None:
    (seen,) = workshop.runs().see(Lock({"diffusers": "0.29.2"}), [(CASE, 1)])[0]
    assert "diffusers 0.29.2 is out of range" in seen.problem
    assert workshop.made == []


def test_a_cache_that_cannot_be_written_is_told_with_the_step(workshop: Workshop) -> None:
    (workshop.root / "runs").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="name another folder with HARNESS_CACHE"):
        workshop.runs().see(LOCK, [(CASE, 1)])


def test_nothing_that_could_be_kept_is_no_error(workshop: Workshop) -> None:
    workshop.outcome = Lost("killed by signal 9")
    assert workshop.runs().see(LOCK, [(CASE, 1)]) == [(Seen(workshop.outcome),)]
    assert not (workshop.root / "runs").exists()


def test_what_has_not_been_used_for_longest_goes_first(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = paths(workshop.runs().see(LOCK, [(CASE, 1)]))
    size = sum(one.stat().st_size for one in Path(first).parent.iterdir())
    monkeypatch.setattr(runs, "_MOST_BYTES", int(2.5 * size))
    (second,) = paths(workshop.runs().see(OTHER, [(CASE, 1)]))
    import os

    os.utime(Path(second).with_name("outcome.json"), (1, 1))
    (third,) = paths(workshop.runs().see(HERE, [(CASE, 1)]))
    assert [Path(one).exists() for one in (first, second, third)] == [True, False, True]


def test_what_a_search_has_seen_stays_until_it_ends(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_MOST_BYTES", 1)
    search = workshop.runs()
    seen = [path for lock in (LOCK, OTHER) for path in paths(search.see(lock, [(CASE, 1)]))]
    assert all(Path(one).is_file() for one in seen)
    (last,) = paths(workshop.runs().see(HERE, [(CASE, 1)]))
    assert [Path(one).exists() for one in (*seen, last)] == [False, False, True]


def test_runs_that_vanish_or_are_half_written_disturb_no_search(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.runs().see(LOCK, [(CASE, 1)])
    monkeypatch.setattr(runs, "_MOST_BYTES", 0)
    aside = workshop.root / "runs" / "0123.77.tmp"
    aside.mkdir()
    (aside / "outcome.json").touch()
    is_run = runs._is_run

    def vanishing(folder: Path) -> bool:
        found = is_run(folder)
        (folder / "outcome.json").unlink(missing_ok=found)
        return found

    monkeypatch.setattr(runs, "_is_run", vanishing)
    workshop.runs().see(OTHER, [(CASE, 1)])
    assert aside.is_dir()
