"""Whole inquiries, in a world whose rule is known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from packaging.version import Version

from harness.core.results.blame import BlameOutcome, ChangeKind
from harness.core.tolerance import Limits, Rule, Tolerance
from harness.report.views.blame import sentence
from harness.upgrade.installer import Wish
from harness.upgrade.lock import Lock
from harness.upgrade.releases import Release
from tests.golden.builders import a_case
from tests.upgrade.blame.a_world import PLAIN, Broken, NameMissing, NoInstaller, PipelineRaises, World

FORTY = tuple(f"1.{number}" for number in range(40))
"""The releases of a package; 1.10, 1.20 and 1.30 change the number, 1.25 does not run."""


def minor(version: str) -> int:
    return Version(version).minor


def forty(packages: Mapping[str, str], _number: int = 1) -> float:
    if packages["p"] == "1.25":
        raise Broken("cannot be imported: No module named 'left_out'")
    return 1.0 + 0.1 * sum(minor(packages["p"]) >= first for first in (10, 20, 30))


OTHERS = {f"other{number}": "1" for number in range(8)}
MOVED = dict.fromkeys(OTHERS, "2")
INDEX = {"p": FORTY, **dict.fromkeys(OTHERS, ("1", "2"))}


@pytest.mark.parametrize(("good", "bad", "before", "after"), [
    ("1.0", "1.39", "1.9", "1.10"),
    ("1.10", "1.39", "1.19", "1.20"),
    ("1.20", "1.39", "1.29", "1.30"),
    ("1.24", "1.31", "1.29", "1.30"),
    ("1.9", "1.10", "1.9", "1.10"),
    ("1.39", "1.0", "1.30", "1.29"),
])  # fmt: skip
def test_the_right_releases_are_blamed_in_few_runs(
    tmp_path: Path, good: str, bad: str, before: str, after: str
) -> None:
    world = World(tmp_path, forty, INDEX, {"p": bad, **MOVED})
    world.golden({"p": good, **OTHERS})
    (blame,) = world.blame()
    (change,) = blame.changes
    assert (blame.outcome, change.package) == (BlameOutcome.BLAMED, "p")
    assert (change.before, change.after, change.kind) == (before, after, ChangeKind.BEHAVIOUR)
    assert blame.confirmed
    assert blame.runs == len(world.runs)
    releases = abs(minor(good) - minor(bad))
    most = math.ceil(math.log2(len(OTHERS) + 1)) + 2 + math.ceil(math.log2(releases or 1)) + 2 + 4
    assert blame.runs <= most


def test_no_run_is_done_twice_but_the_ends(tmp_path: Path) -> None:
    world = World(tmp_path, forty, INDEX, {"p": "1.39", **MOVED})
    world.golden({"p": "1.0", **OTHERS})
    world.blame()
    assert len(set(world.runs)) == len(world.runs)
    assert sorted(number for _, _, number in world.runs)[-2:] == [2, 2]


def test_the_sentence_says_it_all(tmp_path: Path) -> None:
    world = World(tmp_path, forty, INDEX, {"p": "1.39", **MOVED})
    world.golden({"p": "1.0", **OTHERS})
    (blame,) = world.blame()
    assert sentence(blame) == (
        "p 1.9 → 1.10 changed a/case (rel_l2 0.0707); other0, other1, other2 and 5 more moved too and had no part; "
        f"confirmed both ways in {blame.runs} runs"
    )


def test_a_release_that_does_not_run_beside_the_change_is_named(tmp_path: Path) -> None:
    def rule(packages: Mapping[str, str], _number: int) -> float:
        if packages["p"] in ("1.9", "1.10"):
            raise Broken("cannot be imported")
        return 1.0 + (minor(packages["p"]) >= 10)

    world = World(tmp_path, rule, {"p": FORTY}, {"p": "1.39"})
    world.golden({"p": "1.0"})
    (blame,) = world.blame()
    (change,) = blame.changes
    assert (change.before, change.after, change.untold) == ("1.8", "1.11", ("1.9", "1.10"))
    assert "nothing can run under 1.9 and 1.10, which lie between" in sentence(blame)


def test_yanked_and_pre_releases_are_left_out(tmp_path: Path) -> None:
    skipped = ("1.9", "1.10", "1.11")
    releases = tuple(Release(one, skipped=one in skipped) for one in FORTY)
    world = World(tmp_path, forty, {"p": releases}, {"p": "1.19"})
    world.golden({"p": "1.0"})
    (blame,) = world.blame()
    assert (blame.changes[0].before, blame.changes[0].after) == ("1.8", "1.12")
    assert not {f"p=={one}" for one in skipped} & {lock[0] for _, lock, _ in world.runs}


def test_two_packages_that_work_together_only_are_blamed_together(tmp_path: Path) -> None:
    def rule(packages: Mapping[str, str], _number: int) -> float:
        new = minor(packages["p"]) >= 10
        if new is not (minor(packages["q"]) >= 5):
            raise Broken("cannot be imported")
        return 2.0 if new else 1.0

    world = World(tmp_path, rule, {"p": FORTY, "q": FORTY, **INDEX}, {"p": "1.19", "q": "1.9", **MOVED})
    world.golden({"p": "1.0", "q": "1.0", **OTHERS})
    (blame,) = world.blame()
    assert [(one.package, one.before, one.after) for one in blame.changes] == [
        ("p", "1.9", "1.10"),
        ("q", "1.4", "1.5"),
    ]
    assert sentence(blame).startswith("p 1.9 → 1.10 together with q 1.4 → 1.5 changed a/case")
    assert blame.confirmed


def test_a_companion_is_named_and_not_blamed(tmp_path: Path) -> None:
    """p from 1.5 on needs `new`, which changes nothing; from 1.10 on p changes the number."""

    def rule(packages: Mapping[str, str], _number: int) -> float:
        if minor(packages["p"]) >= 5 and "new" not in packages:
            raise Broken("cannot be imported: No module named 'new'")
        return forty(packages)

    world = World(tmp_path, rule, {**INDEX, "new": ("1",)}, {"p": "1.19", "new": "1", **MOVED})
    world.golden({"p": "1.0", **OTHERS})
    ends = Lock({"p": "1.0", **OTHERS})
    (blame,) = world.blame(good=ends.packages, bad=world.here)
    (change,) = blame.changes
    assert (change.package, change.before, change.after) == ("p", "1.9", "1.10")
    assert blame.companions == ("new",)
    assert blame.confirmed
    assert "; new has to move with it for anything to run; other0" in sentence(blame)


def test_what_only_later_releases_need_is_no_companion(tmp_path: Path) -> None:
    """p changes the number in 1.10; from 1.15 on it needs `new`, before that it cannot run with it."""

    def rule(packages: Mapping[str, str], _number: int) -> float:
        if (minor(packages["p"]) >= 15) != ("new" in packages):
            raise Broken("cannot be imported: 'new' does not fit")
        return forty(packages)

    world = World(tmp_path, rule, {"p": FORTY, "new": ("1",)})
    (blame,) = world.blame(good={"p": "1.0"}, bad={"p": "1.19", "new": "1"})
    (change,) = blame.changes
    assert (change.package, change.before, change.after) == ("p", "1.9", "1.10")
    assert (blame.companions, blame.confirmed) == ((), True)
    (blame,) = world.blame(good={"p": "1.0"}, bad={"p": "1.39", "new": "1"}, every=True)
    assert [one.after for one in blame.changes][:1] == ["1.10"]


def dated(versions: Mapping[str, int]) -> tuple[Release, ...]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return tuple(Release(one, start + timedelta(days=day)) for one, day in versions.items())


def test_where_days_are_known_only_sets_that_existed_are_run(tmp_path: Path) -> None:
    """Every second day p, on the others q; p and q more than one step apart never existed together."""
    index = {
        "p": dated({f"1.{number}": 2 * number for number in range(30)}),
        "q": dated({f"1.{number}": 2 * number + 1 for number in range(30)}),
    }

    def rule(packages: Mapping[str, str], _number: int) -> float:
        if abs(minor(packages["p"]) - minor(packages["q"])) > 1:
            raise Broken("cannot be imported")
        return 2.0 if minor(packages["p"]) >= 17 else 1.0

    world = World(tmp_path, rule, index, {"p": "1.29", "q": "1.29"})
    world.golden({"p": "1.0", "q": "1.0"})
    (blame,) = world.blame()
    (change,) = blame.changes
    assert (change.package, change.before, change.after) == ("p", "1.16", "1.17")
    assert blame.confirmed
    assert blame.runs <= math.ceil(math.log2(58)) + 2 + 4 + 2


def test_days_with_what_their_releases_need_are_not_stepped_over(tmp_path: Path) -> None:
    """p from 1.5 on needs `new`, which is at the bad end only."""

    class Needing(NoInstaller):
        def resolve(self, wish: Wish) -> Lock:
            packages = dict(wish.preferred.packages)
            if minor(packages["p"]) < 5:
                packages.pop("new", None)
            return Lock(packages)

    def rule(packages: Mapping[str, str], _number: int) -> float:
        if minor(packages["p"]) >= 5 and "new" not in packages:
            raise Broken("cannot be imported: No module named 'new'")
        return 2.0 if minor(packages["p"]) >= 17 else 1.0

    index = {"p": dated({f"1.{number}": number for number in range(40)}), "new": dated({"1": 4})}
    world = World(tmp_path, rule, index, installer=Needing())
    (blame,) = world.blame(good={"p": "1.0"}, bad={"p": "1.39", "new": "1"})
    (change,) = blame.changes
    assert (change.package, change.before, change.after) == ("p", "1.16", "1.17")
    assert (blame.companions, blame.confirmed) == ((), True)
    assert blame.runs <= math.ceil(math.log2(40)) + 2 + 4 + 2
    world.runs.clear()
    (blame,) = world.blame(good={"p": "1.0"}, bad={"p": "1.39", "new": "1"}, every=True)
    assert [(one.before, one.after) for one in blame.changes] == [("1.16", "1.17")]
    assert all("new==1" in lock or minor(lock[0][3:]) < 5 for _, lock, _ in world.runs)


def test_only_weights_moved_so_it_is_the_own_change(tmp_path: Path) -> None:
    world = World(tmp_path, lambda *_: 1.0, {}, {"p": "1"}, weights="other")
    world.golden({"p": "1"})
    world.rule = lambda *_: 2.0
    (blame,) = world.blame()
    assert blame.outcome is BlameOutcome.OWN_CHANGE
    assert sentence(blame) == "no dependency changed a/case: your own change did (weights.unet w → other)"


def test_packages_moved_too_but_the_own_change_did_it(tmp_path: Path) -> None:
    world = World(tmp_path, lambda *_: 1.0, {"p": FORTY}, {"p": "1.9"}, weights="other")
    world.golden({"p": "1.0"})
    world.rule = lambda *_: 2.0
    (blame,) = world.blame()
    assert blame.outcome is BlameOutcome.OWN_CHANGE
    assert sentence(blame).endswith("(weights.unet w → other); p moved too and had no part")
    assert len(world.runs) == 4


def test_another_config_is_the_own_change(tmp_path: Path) -> None:
    world = World(tmp_path, lambda *_: 1.0, {"p": FORTY}, {"p": "1.9"})
    world.golden({"p": "1.0"})
    (blame,) = world.blame(dataclasses.replace(PLAIN, steps=5))
    assert blame.outcome is BlameOutcome.OWN_CHANGE
    assert sentence(blame) == "no dependency changed a/case: your own change did (definition.steps 2 → 5)"


def test_a_golden_that_its_own_versions_do_not_give_is_not_reproduced(tmp_path: Path) -> None:
    world = World(tmp_path, lambda *_: 1.0, {"p": FORTY}, {"p": "1.9"})
    world.golden({"p": "1.0"})
    world.rule = lambda packages, _: 2.0 if packages["p"] == "1.0" else 3.0
    (blame,) = world.blame()
    assert blame.outcome is BlameOutcome.NOT_REPRODUCED
    assert sentence(blame) == (
        "not reproduced: a/case differs under the good versions as well (rel_l2 0.707)"
    )


def test_a_case_that_agrees_has_nothing_to_blame(tmp_path: Path) -> None:
    world = World(tmp_path, lambda *_: 1.0, {"p": FORTY}, {"p": "1.9"})
    world.golden({"p": "1.0"})
    (blame,) = world.blame()
    assert blame.outcome is BlameOutcome.NOT_REPRODUCED
    assert sentence(blame) == "nothing to blame: a/case gives the same bits at both ends"


def tiny_steps(packages: Mapping[str, str], _number: int = 1) -> float:
    # As float32 1 + 17 * 2**-23, so that rel_l2 is 17 * 2**-23 / sqrt(2) = 1.43e-6.
    return 1.0 + 2e-6 * (minor(packages["p"]) >= 5)


def test_rounding_counts_only_bitwise_and_is_called_so(tmp_path: Path) -> None:
    world = World(tmp_path, tiny_steps, {"p": FORTY}, {"p": "1.9"})
    world.golden({"p": "1.0"})
    (blame,) = world.blame()
    assert blame.outcome is BlameOutcome.NOT_REPRODUCED
    assert "changed only in its last digits (rel_l2 1.4e-06" in sentence(blame)
    (blame,) = world.blame(bitwise=True)
    (change,) = blame.changes
    assert (change.before, change.after, change.kind) == ("1.4", "1.5", ChangeKind.ROUNDING)
    assert sentence(blame).startswith("p 1.4 → 1.5 changed only the last digits of a/case (rel_l2 1.4e-06)")


@pytest.mark.parametrize(
    ("least", "outcome"), [(0.2, BlameOutcome.NOT_REPRODUCED), (0.1, BlameOutcome.BLAMED)]
)
def test_a_threshold_of_ones_own(tmp_path: Path, least: float, outcome: BlameOutcome) -> None:
    world = World(tmp_path, forty, {"p": FORTY}, {"p": "1.29"})  # two changes: rel_l2 0.141
    world.golden({"p": "1.0"})
    (blame,) = world.blame(least=least)
    assert blame.outcome is outcome
    if outcome is BlameOutcome.BLAMED:
        assert (blame.changes[0].before, blame.changes[0].after) == ("1.19", "1.20")


@pytest.mark.parametrize("end", ["good", "bad"])
def test_an_end_that_is_not_equal_to_itself_is_ambiguous(tmp_path: Path, end: str) -> None:
    unstable = "1.0" if end == "good" else "1.9"
    world = World(tmp_path, forty, {"p": FORTY}, {"p": "1.9"})
    world.golden({"p": "1.0"})
    world.rule = lambda packages, number: 2.0 + number if packages["p"] == unstable else 1.0
    (blame,) = world.blame()
    assert blame.outcome is BlameOutcome.AMBIGUOUS
    assert f"two runs of a/case with the {end} versions differ from each other" in sentence(blame)


@pytest.mark.parametrize("end", ["good", "bad"])
def test_an_end_that_cannot_run_cannot_be_told(tmp_path: Path, end: str) -> None:
    world = World(tmp_path, forty, {"p": FORTY}, {"p": "1.25" if end == "bad" else "1.39"})
    world.golden({"p": "1.0"})
    if end == "good":
        world.rule = lambda packages, _: forty({"p": "1.25" if packages["p"] == "1.0" else packages["p"]})
    (blame,) = world.blame()
    assert blame.outcome is BlameOutcome.CANNOT_TELL
    assert sentence(blame) == (
        f"cannot tell: with the {end} versions a/case cannot be imported: No module named 'left_out'; "
        f"name other versions with --{end}"
    )


@pytest.mark.parametrize("kind", [PipelineRaises, NameMissing])
def test_a_pipeline_that_raises_now_is_traced_to_the_release(tmp_path: Path, kind: type[Exception]) -> None:
    def rule(packages: Mapping[str, str], _number: int) -> float:
        if minor(packages["p"]) >= 15:
            raise kind("TypeError: unexpected argument 'x'")
        return forty(packages)

    world = World(tmp_path, rule, {"p": FORTY}, {"p": "1.39"})
    world.golden({"p": "1.0"})
    (blame,) = world.blame()
    assert (blame.changes[0].before, blame.changes[0].after) == ("1.14", "1.15")
    assert "p 1.14 → 1.15 made a/case fail: TypeError: unexpected argument 'x'" in sentence(blame)


def test_versions_that_do_not_fit_are_not_blamed_for_another_failure(tmp_path: Path) -> None:
    """From 1.20 on p does not take `steps`; `a` 2 does not work with p before 1.10."""

    def rule(packages: Mapping[str, str], _number: int) -> float:
        if packages["a"] == "2" and minor(packages["p"]) < 10:
            raise PipelineRaises("AttributeError: p has no attribute 'b'")
        if minor(packages["p"]) >= 20:
            raise PipelineRaises(f"TypeError: p {packages['p']} does not take 'steps'")
        return 1.0

    world = World(tmp_path, rule, {"p": FORTY, "a": ("1", "2")}, {"p": "1.25", "a": "2"})
    world.golden({"p": "1.0", "a": "1"})
    (blame,) = world.blame()
    (change,) = blame.changes
    assert (change.package, change.before, change.after) == ("p", "1.19", "1.20")
    assert "does not take 'steps'" in change.raised
    assert blame.confirmed


def test_without_a_golden_both_ends_have_to_be_named(tmp_path: Path) -> None:
    world = World(tmp_path, forty, {"p": FORTY}, {"p": "1.39"})
    (blame,) = world.blame()
    assert blame.outcome is BlameOutcome.CANNOT_TELL
    assert sentence(blame) == (
        "cannot tell: a/case: it has no golden for cpu-x86_64; record a golden, "
        "or name the good versions with --good"
    )
    (blame,) = world.blame(good={"p": "1.0"}, bad={"p": "1.15"})
    assert (blame.changes[0].before, blame.changes[0].after) == ("1.9", "1.10")


def test_a_golden_of_the_bad_end_serves_as_well(tmp_path: Path) -> None:
    world = World(tmp_path, forty, {"p": FORTY}, {"p": "1.15"})
    world.golden({"p": "1.15"})
    (blame,) = world.blame(good={"p": "1.0"}, bad={"p": "1.15"})
    assert (blame.changes[0].before, blame.changes[0].after) == ("1.9", "1.10")
    assert blame.confirmed


def test_a_golden_of_later_versions_says_nothing_about_earlier_ones(tmp_path: Path) -> None:
    world = World(tmp_path, forty, {"p": FORTY}, {"p": "1.15"})
    world.golden({"p": "1.39"})
    (blame,) = world.blame(good={"p": "1.0"}, bad={"p": "1.15"})
    assert (blame.changes[0].before, blame.changes[0].after) == ("1.9", "1.10")


@pytest.mark.parametrize("recorded", ["1.0", "1.5"])
def test_a_good_end_that_does_not_agree_with_its_golden_is_not_reproduced(
    tmp_path: Path, recorded: str
) -> None:
    world = World(tmp_path, lambda *_: 7.0, {"p": FORTY}, {"p": "1.15"})
    world.golden({"p": recorded})
    world.rule = forty
    (blame,) = world.blame(good={"p": "1.5"}, bad={"p": "1.15"})
    assert blame.outcome is BlameOutcome.NOT_REPRODUCED
    assert "differs under the good versions as well" in sentence(blame)


def test_a_golden_of_another_config_says_nothing_about_two_named_ends(tmp_path: Path) -> None:
    world = World(tmp_path, forty, {"p": FORTY}, {"p": "1.15"})
    world.golden({"p": "1.0"})
    (blame,) = world.blame(dataclasses.replace(PLAIN, steps=5), good={"p": "1.0"}, bad={"p": "1.15"})
    assert (blame.changes[0].before, blame.changes[0].after) == ("1.9", "1.10")
    assert blame.confirmed


def test_two_named_ends_that_are_the_same_versions(tmp_path: Path) -> None:
    world = World(tmp_path, forty, {"p": FORTY}, {"p": "1.15"})
    world.golden({"p": "1.0"})
    (blame,) = world.blame(good={"p": "1.15"}, bad={"p": "1.15"})
    assert blame.outcome is BlameOutcome.NOT_REPRODUCED
    assert sentence(blame).startswith(
        "nothing to blame: both ends of a/case are the same versions; name others"
    )


def test_a_golden_of_another_platform_that_may_not_judge_is_left_out(tmp_path: Path) -> None:
    """The bad end cannot say where it would have run, so the golden is that of any platform."""

    def rule(packages: Mapping[str, str], _number: int) -> float:
        if minor(packages["p"]) >= 10:
            raise NameMissing("no class named X")
        return 1.0

    limits = Limits(rel_l2=1e-5)
    case = dataclasses.replace(PLAIN, tolerance=Tolerance(Rule.EXACT, limits, Rule.REFUSE))
    world = World(tmp_path, rule, {"p": FORTY})
    world.golden({"p": "1.0"}, case)
    world.platform = "cuda-sm90"
    (blame,) = world.blame(case, good={"p": "1.0"}, bad={"p": "1.15"})
    assert (blame.changes[0].before, blame.changes[0].after) == ("1.9", "1.10")


def test_a_second_cause_keeps_it_from_being_confirmed(tmp_path: Path) -> None:
    def rule(packages: Mapping[str, str], _number: int) -> float:
        return 2.0 if minor(packages["p"]) >= 5 or minor(packages["q"]) >= 5 else 1.0

    world = World(tmp_path, rule, {"p": FORTY, "q": FORTY}, {"p": "1.9", "q": "1.9"})
    world.golden({"p": "1.0", "q": "1.0"})
    (blame,) = world.blame()
    assert (blame.outcome, blame.confirmed) == (BlameOutcome.BLAMED, False)
    assert sentence(blame).endswith(f"not confirmed after {blame.runs} runs: another change may play a part")


def test_cases_share_runs_of_the_same_versions(tmp_path: Path) -> None:
    other = dataclasses.replace(a_case("b/case"), trace=PLAIN.trace)
    world = World(tmp_path, forty, INDEX, {"p": "1.39", **MOVED})
    for case in (PLAIN, other):
        world.golden({"p": "1.0", **OTHERS}, case)
    seen = list[int]()
    see = world.see
    world.see = lambda lock, wanted: (seen.append(len(wanted)), see(lock, wanted))[1]  # type: ignore[method-assign]
    first, second = world.blame(PLAIN, other)
    assert first.changes == second.changes
    assert set(seen) == {2}


def test_every_change_on_the_way_is_listed_with_its_kind(tmp_path: Path) -> None:
    def rule(packages: Mapping[str, str], _number: int) -> float:
        return forty(packages) + 2e-6 * (minor(packages["p"]) >= 5)

    world = World(tmp_path, rule, {"p": FORTY}, {"p": "1.39"})
    world.golden({"p": "1.0"})
    (blame,) = world.blame(every=True)
    assert [(one.before, one.after, one.kind) for one in blame.changes] == [
        ("1.4", "1.5", ChangeKind.ROUNDING),
        ("1.9", "1.10", ChangeKind.BEHAVIOUR),
        ("1.19", "1.20", ChangeKind.BEHAVIOUR),
        ("1.29", "1.30", ChangeKind.BEHAVIOUR),
    ]
    assert sentence(blame) == "4 releases changed a/case: 3 its behaviour, 1 only its last digits"


def test_every_change_is_listed_though_they_cancel_out_and_the_golden_agrees_with_no_end(
    tmp_path: Path,
) -> None:
    def rule(packages: Mapping[str, str], _number: int) -> float:
        return 2.0 if 5 <= minor(packages["p"]) < 8 else 1.0

    world = World(tmp_path, lambda *_: 7.0, {"p": FORTY}, {"p": "1.9"})
    world.golden({"p": "1.0"})
    world.rule = rule
    (blame,) = world.blame(every=True)
    assert [(one.before, one.after) for one in blame.changes] == [("1.4", "1.5"), ("1.7", "1.8")]


def test_every_change_of_several_packages_is_told_apart(tmp_path: Path) -> None:
    """Both packages change the result on one day: the change is still given to the right ones."""
    index = {"p": dated({"1.0": 0, "1.1": 5, "1.2": 9}), "q": dated({"1.0": 0, "1.1": 5, "1.2": 7})}

    def rule(packages: Mapping[str, str], _number: int) -> float:
        return 1.0 + minor(packages["q"])

    world = World(tmp_path, rule, index, {"p": "1.2", "q": "1.2"})
    world.golden({"p": "1.0", "q": "1.0"})
    (blame,) = world.blame(every=True)
    assert [(one.package, one.before, one.after) for one in blame.changes] == [
        ("q", "1.0", "1.1"),
        ("q", "1.1", "1.2"),
    ]


def test_a_set_that_no_resolver_accepts_is_tried_as_it_is(tmp_path: Path) -> None:
    world = World(tmp_path, forty, INDEX, {"p": "1.39", **MOVED}, installer=NoInstaller(refuses=True))
    world.golden({"p": "1.0", **OTHERS})
    (blame,) = world.blame()
    assert (blame.changes[0].before, blame.changes[0].after) == ("1.9", "1.10")


def test_torch_of_the_golden_is_not_downloaded_unasked(tmp_path: Path) -> None:
    world = World(tmp_path, lambda *_: 1.0, {"p": FORTY}, {"p": "1.9", "torch": "2.13.0"})
    world.golden({"p": "1.0", "torch": "2.9.1"})
    world.rule = lambda *_: 2.0
    (blame,) = world.blame()
    assert blame.outcome is BlameOutcome.NOT_REPRODUCED
    assert sentence(blame).endswith("; torch 2.9.1 of the golden was not tried, add --yes to download it")
    assert all("torch==2.13.0" in lock for _, lock, _ in world.runs)


@pytest.mark.parametrize("recorded", ["1.0", "1.9"])
def test_what_a_held_torch_brings_with_it_is_no_own_change(tmp_path: Path, recorded: str) -> None:
    world = World(tmp_path, lambda *_: 1.0, {"p": FORTY}, {"p": "1.9", "torch": "2.13.0"}, cuda="12.8")
    world.golden({"p": recorded, "torch": "2.9.1"})
    world.rule, world.cuda = lambda *_: 2.0, "13.0"
    (blame,) = world.blame()
    assert blame.outcome is BlameOutcome.NOT_REPRODUCED
    assert sentence(blame).endswith("; torch 2.9.1 of the golden was not tried, add --yes to download it")
    world.weights = "other"
    (blame,) = world.blame()
    assert sentence(blame).startswith(
        "no dependency changed a/case: your own change did (weights.unet w → other)"
    )


def test_progress_names_what_is_left(tmp_path: Path) -> None:
    world = World(tmp_path, forty, INDEX, {"p": "1.39", **MOVED})
    world.golden({"p": "1.0", **OTHERS})
    world.blame()
    assert world.notes[:2] == ["a/case: the bad end", "a/case: the good end"]
    assert any("one of other0" in note for note in world.notes)
    assert any("p 1.0 → 1.19" in note for note in world.notes)


def test_where_nothing_changed_on_the_way_that_is_said(tmp_path: Path) -> None:
    world = World(tmp_path, lambda *_: 1.0, {"p": FORTY}, {"p": "1.3"})
    world.golden({"p": "1.0"})
    (blame,) = world.blame(every=True)
    assert blame.outcome is BlameOutcome.NOT_REPRODUCED
    assert sentence(blame) == "nothing to blame: a/case gives the same bits at both ends"
