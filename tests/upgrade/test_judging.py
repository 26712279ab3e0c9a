"""Candidates judged, with environments and runs that are made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.core.capture import Completed, Lost, Outcome, Unavailable
from harness.core.environment import Change
from harness.core.results.next_step import harness_step
from harness.core.results.reasons import Message, MissingName
from harness.core.results.verdict import Report, Verdict
from harness.core.trace import TraceLevel
from harness.errors import UsageError
from harness.invocation.options import Options, VerifyOptions
from harness.report.terminal import Screen
from harness.run.trial import Trial
from harness.upgrade.candidate import Candidate, candidate
from harness.upgrade.environments import Made
from harness.upgrade.installer import NotInstalled, Unresolvable, Wish
from harness.upgrade.judging import Upgrades, judge_candidate, needs_building, resolved, wish_of
from harness.upgrade.lock import Lock
from tests.core.samples import case
from tests.golden.builders import ACCEPTED, environment, write_capture
from tests.support import pools

HERE = Lock({"diffusers": "0.42.1", "numpy": "2.4", "torch": "2.13.0"})
VALUES = {"images": np.linspace(0, 1, 64, dtype=np.float32)}
CASES = (case(id="a", trace=TraceLevel.NONE), case(id="b", trace=TraceLevel.NONE))


class Rig:
    """An installer and environments that do as they are told."""

    name = "fake"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wishes: list[Wish] = []
        self.gives: Callable[[Wish], Lock] = lambda _: HERE
        self.error: Exception | None = None
        self.problem = ""

    def resolve(self, wish: Wish) -> Lock:
        self.wishes.append(wish)
        return self.gives(wish)

    def make(self, lock: Lock) -> Made:
        if self.error:
            raise self.error
        return Made(self.folder / "env", lock, self.problem)

    def judged(self, one: Candidate, *, large: bool = False) -> Report:
        how = Upgrades(self, self, HERE, large)  # type: ignore[arg-type]
        options = Options(goldens=self.folder / "goldens", out=self.folder / "out", jobs=1)
        return judge_candidate(one, CASES, how, options, VerifyOptions(), Screen(quiet=True))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    for one in CASES:
        path = tmp_path / "goldens" / one.id / "cpu-x86_64.safetensors"
        write_capture(path, VALUES, case=one, accepted=ACCEPTED)
    return Rig(tmp_path)


def test_every_case_runs_in_the_candidates_environment(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def outcome(trial: Trial) -> Outcome:
        moved = 1e-3 if trial.case.id == "b" else 0.0
        write_capture(trial.capture, {"images": VALUES["images"] + np.float32(moved)}, case=trial.case)
        return Completed(str(trial.capture), environment(), 1.0)

    pool = pools.install(monkeypatch, outcome)
    rig.gives = lambda _: Lock({**HERE.packages, "diffusers": "0.43.0", "numpy": "2.5"})
    report = rig.judged(candidate(["diffusers==0.43.0"]))
    assert [(one.case, one.verdict) for one in report.cases] == [
        ("a", Verdict.IDENTICAL),
        ("b", Verdict.DRIFTED),
    ]
    assert report.candidate is not None
    assert report.candidate.asked == ("diffusers==0.43.0",)
    assert report.candidate.moved == (Change("diffusers", "0.42.1", "0.43.0"), Change("numpy", "2.4", "2.5"))
    assert report.candidate.companions == ("numpy",)
    assert {trial.python for trial in pool.conducted} == {str(rig.folder / "env/bin/python")}
    assert all("TRITON_CACHE_DIR" in trial.variables for trial in pool.conducted)
    # Neither `explain` nor `record` runs under these versions; `blame` does.
    assert [one.next_steps for one in report.cases] == [
        (),
        (harness_step("to learn which release did it", "blame", "b", "--bad", "diffusers==0.43.0"),),
    ]
    # Captures of other versions are accepted by nobody.
    assert report.command == "verify --with"


def test_torch_stays_where_it_is_unless_it_is_asked_for(rig: Rig) -> None:
    rig.judged(candidate(["diffusers==0.43.0"]))
    assert rig.wishes[0].requirements == ("diffusers==0.43.0", "torch==2.13.0")
    assert rig.wishes[0].preferred == HERE
    rig.gives = lambda _: Lock({**HERE.packages, "torch": "2.14.0"})
    with pytest.raises(UsageError, match=r"torch 2\.13\.0 → 2\.14\.0.*add --yes"):
        rig.judged(candidate(["torch==2.14.0"]))
    rig.problem = "anything"
    assert rig.judged(candidate(["torch==2.14.0"]), large=True).cases
    assert rig.wishes[-1].requirements == ("torch==2.14.0",)


def test_a_set_without_torch_is_no_download(rig: Rig) -> None:
    rig.gives = lambda _: Lock({"diffusers": "0.43.0"})
    rig.problem = "ModuleNotFoundError: No module named 'torch'"
    assert {one.verdict for one in rig.judged(candidate(["diffusers==0.43.0"])).cases} == {Verdict.BROKEN}


def test_on_a_day_nothing_is_preferred(rig: Rig) -> None:
    rig.problem = "anything"
    rig.judged(candidate([], day="2026-03-01"))
    assert rig.wishes[0].preferred == Lock()
    assert str(rig.wishes[0].day) == "2026-03-01"


def test_what_is_too_old_is_not_installed(rig: Rig) -> None:
    rig.error = AssertionError("an environment was made")
    rig.gives = lambda _: Lock({**HERE.packages, "diffusers": "0.29.2"})
    report = rig.judged(candidate(["diffusers==0.29.2"]))
    assert {one.verdict for one in report.cases} == {Verdict.ERROR}
    assert report.candidate is not None
    assert "diffusers 0.29.2 is out of range" in report.candidate.problem


@pytest.mark.parametrize(
    ("break_it", "verdict", "words", "code"),
    [
        ("resolve", Verdict.BROKEN, "cannot be resolved: a needs b", 1),
        ("install", Verdict.ERROR, "cannot be installed: no wheel", 3),
        ("import", Verdict.BROKEN, "cannot be imported: ImportError: cannot import name 'X'", 1),
    ],
)
def test_what_cannot_run_at_all_is_the_verdict_of_every_case(
    rig: Rig, break_it: str, verdict: Verdict, words: str, code: int
) -> None:
    def unresolvable(_: Wish) -> Lock:
        raise Unresolvable("a needs b")

    if break_it == "resolve":
        rig.gives = unresolvable
    rig.error = NotInstalled("no wheel") if break_it == "install" else None
    rig.problem = "ImportError: cannot import name 'X'" if break_it == "import" else ""
    report = rig.judged(candidate(["diffusers==0.43.0"]))
    assert {one.verdict for one in report.cases} == {verdict}
    assert report.candidate is not None
    assert report.candidate.problem == words
    assert report.exit_code() == code


@pytest.mark.parametrize(
    ("one", "companions"),
    [
        (candidate(["diffusers==0.43.0"]), ("numpy", "source")),
        (candidate(["diffusers==0.43.0", "numpy==2.5", "source==2"]), ()),
        (candidate(["git+https://h.example/source"]), ("diffusers", "numpy")),
        # Who asks for a day asks for everything as it stood then.
        (candidate(["diffusers==0.43.0"], day="2026-03-01"), ()),
    ],
    ids=["one", "all", "address", "day"],
)
def test_companions_are_what_nobody_asked_for(rig: Rig, one: Candidate, companions: tuple[str, ...]) -> None:
    source = one.requirements[0] if "+" in one.requirements[0] else "2"
    rig.gives = lambda _: Lock({**HERE.packages, "diffusers": "0.43.0", "numpy": "2.5", "source": source})
    rig.problem = "anything"
    found = rig.judged(one).candidate
    assert found is not None
    assert [change.what for change in found.moved] == ["diffusers", "numpy", "source"]
    assert found.companions == companions


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Lost("no class", lacking=MissingName("New", "no class")), Verdict.BROKEN),
        (Unavailable("no json", lacking=MissingName("json", "no json")), Verdict.BROKEN),
        # A package that is not installed here either says nothing about the other versions.
        (Unavailable("no x", lacking=MissingName("no_such_package_anywhere", "no x")), Verdict.SKIPPED),
        (Unavailable("no such device"), Verdict.SKIPPED),
        (Lost("killed"), Verdict.ERROR),
    ],
    ids=["class", "package", "package-nowhere", "device", "crash"],
)
def test_what_other_versions_lack_is_their_answer(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, outcome: Lost | Unavailable, verdict: Verdict
) -> None:
    pools.install(monkeypatch, lambda _: outcome)
    found = rig.judged(candidate(["diffusers==0.30.3"])).cases[0]
    assert found.verdict is verdict
    broken = verdict is Verdict.BROKEN
    assert found.reasons == ((outcome.lacking,) if broken else (Message(outcome.reason),))
    if broken:
        assert [step.argv for step in found.next_steps] == [
            ("harness", "blame", "a", "--bad", "diffusers==0.30.3")
        ]


@pytest.mark.parametrize(("specs", "names"), [
    (["numpy==2.5"], ("diffusers @ file:///mine", "numpy", "torch")),
    (["diffusers==0.43.0"], ("diffusers", "numpy", "torch")),
    # It may hold the very package.
    (["git+https://h.example/source"], ("diffusers", "numpy", "torch")),
])  # fmt: skip
def test_a_linked_source_tree_stays_unless_it_is_asked_for(specs: list[str], names: tuple[str, ...]) -> None:
    here = Lock({"diffusers": "file:///mine", "numpy": "2.4", "torch": "2.13.0"})
    assert wish_of(candidate(specs), here).names == names


@pytest.mark.parametrize(("specs", "pins", "builds"), [
    (["diffusers==0.43.0"], "numpy==2", False),
    (["git+https://h.example/source"], "numpy==2", True),
    ([], "source @ git+https://h.example/source@abc", True),
])  # fmt: skip
def test_a_source_tree_has_to_be_built(tmp_path: Path, specs: list[str], pins: str, *, builds: bool) -> None:
    (tmp_path / "requirements.txt").write_text(pins)
    assert needs_building(candidate(specs, tmp_path / "requirements.txt")) is builds


def test_a_whole_lock_needs_no_resolving(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("".join(f"{one}\n" for one in HERE.requirements()))
    how = Upgrades(rig, rig, HERE)  # type: ignore[arg-type]
    assert resolved(candidate([], tmp_path / "requirements.txt"), how) == HERE
    assert rig.wishes == []
    assert replace(how, large=True).large
