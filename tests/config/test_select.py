"""Selecting cases: ids, globs, tags, and what a pattern that selects nothing says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config.load import EntryName, LoadedFile
from harness.config.select import select, select_among, select_ids
from harness.core.case import Case, ModelSpec
from harness.errors import Problem, UsageError


def case(name: str, *tags: str) -> Case:
    return Case(name, "x.yaml", "/", "DDIMPipeline", ModelSpec("builtin:ddpm-digits"), tags=tags)


CASES = (
    case("ddim/two-steps@seed=0", "smoke", "fast"),
    case("ddim/two-steps@seed=1", "smoke"),
    case("ddim/two-steps-more"),
    case("hub/ddpm", "hub"),
    case("top"),
)


def ids(*patterns: str) -> list[str]:
    return [one.id for one in select(CASES, patterns)]


@pytest.mark.parametrize(
    ("patterns", "selected"),
    [
        ((), [one.id for one in CASES]),
        (("hub/ddpm",), ["hub/ddpm"]),
        (("ddim/two-steps@seed=1",), ["ddim/two-steps@seed=1"]),
        (("ddim/two-steps",), ["ddim/two-steps@seed=0", "ddim/two-steps@seed=1"]),
        (("ddim/*",), ["ddim/two-steps@seed=0", "ddim/two-steps@seed=1", "ddim/two-steps-more"]),
        (("*@seed=0",), ["ddim/two-steps@seed=0"]),
        (("*seed=[01]",), ["ddim/two-steps@seed=0", "ddim/two-steps@seed=1"]),
        (("to?",), ["top"]),
        (("tag:smoke",), ["ddim/two-steps@seed=0", "ddim/two-steps@seed=1"]),
        (("tag:hub", "top", "hub/*"), ["hub/ddpm", "top"]),
        (("top", "ddim/two-steps-more"), ["ddim/two-steps-more", "top"]),
        (("!ddim/*",), ["hub/ddpm", "top"]),
        (("ddim/*", "!tag:fast"), ["ddim/two-steps@seed=1", "ddim/two-steps-more"]),
    ],
)
def test_patterns_select_cases_in_their_own_order(patterns: tuple[str, ...], selected: list[str]) -> None:
    assert ids(*patterns) == selected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "hub/dpm",
            "'hub/dpm' selects no case (did you mean hub/ddpm?). `harness list` shows all 5 cases with their tags",
        ),
        (
            "tag:smok",
            "'tag:smok' selects no case (did you mean tag:smoke?). "
            "`harness list` shows all 5 cases with their tags",
        ),
        (
            "ddim",
            "'ddim' selects no case (did you mean 'ddim/*'?). `harness list` shows all 5 cases with their tags",
        ),
        (
            "ddim/",
            "'ddim/' selects no case (did you mean 'ddim/*'?). `harness list` shows all 5 cases with their tags",
        ),
        ("zzz*", "'zzz*' selects no case. `harness list` shows all 5 cases with their tags"),
        (
            "TOP*",
            "'TOP*' selects no case (did you mean top?). `harness list` shows all 5 cases with their tags",
        ),
    ],
)
def test_a_pattern_that_selects_nothing_says_what_is_near(pattern: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        ids("top", pattern)
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


def test_nothing_left_is_bad_usage() -> None:
    with pytest.raises(UsageError, match="top !t\\*: leaves no case"):
        ids("top", "!t*")
    with pytest.raises(UsageError, match="'nothing' selects no case"):
        ids("!nothing")


def test_all_patterns_that_select_nothing_are_named_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        select(CASES[4:], ["xxxx", "tag:yyyy"])
    assert str(caught.value) == (
        "'xxxx' selects no case; 'tag:yyyy' selects no case. `harness list` shows the only case with their tags"
    )


@settings(deadline=None)
@given(st.lists(st.sampled_from([one.id for one in CASES]), min_size=1))
def test_ids_select_exactly_themselves(patterns: list[str]) -> None:
    assert set(ids(*patterns)) == set(patterns)


def test_ids_of_removed_cases() -> None:
    ids = ("a", "sd/x@seed=0", "sd/x@seed=1", "sd/y")
    assert select_ids(ids, ()) == ids
    assert select_ids(ids, ["sd/x", "a"]) == ("a", "sd/x@seed=0", "sd/x@seed=1")
    assert select_ids(ids, ["sd/*", "!sd/y"]) == ("sd/x@seed=0", "sd/x@seed=1")
    for pattern in ("tag:smoke", "!tag:smoke"):
        with pytest.raises(UsageError, match=f"{pattern}: the tags of a removed case are unknown"):
            select_ids(ids, [pattern])
    with pytest.raises(UsageError, match="selects no case"):
        select_ids(ids, ["nothing"])


def broken(name: str, tags: tuple[str, ...] | None = (), *, is_open: bool = True) -> LoadedFile:
    shown = f"{name}.yaml"
    return LoadedFile(
        shown, (EntryName(name, tags, is_open),), problems=(Problem(shown, "", None, "is wrong"),)
    )


SOUND = LoadedFile("sound.yaml", (EntryName("sound", ("smoke",)),), (case("sound", "smoke"),))


@pytest.mark.parametrize(
    ("file", "patterns", "becomes"),
    [
        (broken("a/b"), [], "problem"),
        (broken("a/b"), ["a/b"], "problem"),
        (broken("a/b"), ["a/*", "sound"], "problem"),
        (broken("a/b"), ["a/b@seed=0"], "problem"),
        (broken("a/b"), ["sound"], "outside"),
        (broken("a/b"), ["tag:smoke"], "outside"),
        (broken("a/b", ("smoke",)), ["tag:smoke"], "problem"),
        (broken("a/b", None), ["tag:smoke"], "unknown"),
        (broken("a/b", None), ["sound"], "outside"),
        (broken("a/b", None), ["tag:else"], "problem"),  # it can mean nothing else
        (broken("a/b"), ["*@seed=0", "sound"], "problem"),
        (broken("a/b@seed=0", is_open=False), ["a/b@seed=1", "a/*"], None),  # a misspelling
        (broken("a/b@seed=0", is_open=False), ["*@seed=0"], "problem"),
        (broken("a/b"), ["!a/b"], "outside"),
        (broken("a/b"), ["!a/*"], "outside"),
        (broken("a/b"), ["!a/b@seed=0"], "problem"),  # other entries may be left
        (broken("a/b", None), ["!tag:smoke"], "problem"),
        (broken("a/b", ("slow",)), ["!tag:slow"], "outside"),
        (broken("a/"), ["a/b"], "problem"),
        (broken("a/"), ["a/*"], "problem"),
        (broken("a/"), ["!a/b"], "problem"),
        (broken("a/"), ["!a/*"], "outside"),
        (broken("a/"), ["sound"], "outside"),
    ],
)
def test_what_a_broken_file_is_to_a_selection(
    file: LoadedFile, patterns: list[str], becomes: str | None
) -> None:
    if becomes is None:
        with pytest.raises(UsageError):
            select_among([SOUND, file], patterns)
        return
    found = select_among([SOUND, file], patterns)
    assert {
        "problem": [one.file for one in found.problems],
        "outside": list(found.outside),
        "unknown": list(found.unknown),
    } == {"problem": [], "outside": [], "unknown": [], becomes: [file.shown]}
