"""What the command line takes: the values of options, and options that would have no effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.parser import parsed


def test_what_is_not_given_is_left_to_the_project() -> None:
    arguments = parsed(["verify"])
    names = ("root", "configs", "goldens", "out", "device", "jobs", "json", "junit", "relation")
    assert {name: getattr(arguments, name) for name in names} == dict.fromkeys(names)
    assert (arguments.select, arguments.quiet) == ([], False)


def test_what_a_command_has_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["compare", "a", "b", "--jobs", "2"],
        ["compare", "a", "b", "--device", "cpu"],
        ["report", "merge", "a", "b", "--out", "d", "--configs", "x"],
    ):
        with pytest.raises(SystemExit) as ended:
            parsed(words)
        assert ended.value.code == 2
        assert f"unrecognized arguments: {' '.join(words[-2:])}" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--configs", "--goldens", "--root"])
def test_an_empty_folder_is_refused_and_not_the_current_one(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(["verify", option, ""])
    assert ended.value.code == 2
    assert f"argument {option}: the name is empty; name a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["sensitivity", "--stored"],
        ["sensitivity", "--no-ladder", "--jobs", "2"],
        ["env"],
        ["env", "--device", "cpu"],
        ["env", "a", "b", "--json", "-"],
    ],
)
def test_what_has_an_effect_is_taken(words: list[str]) -> None:
    assert parsed(words).command == words[0]


@pytest.mark.parametrize(
    "words",
    [["merge", "a", "b", "--out", "d"], ["merge", "--out", "d", "a", "b"], ["--out", "d", "merge", "a", "b"],
     ["merge", "a", "--out", "d", "b"]],
)  # fmt: skip
def test_arguments_may_stand_among_options(words: list[str]) -> None:
    arguments = parsed(["report", *words])
    assert (arguments.action, arguments.reports, arguments.out) == (
        "merge",
        [Path("a"), Path("b")],
        Path("d"),
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["merge", "--out", "d"],
            "merge joins reports; name them: harness report merge A.json B.json --out DIR",
        ),
        (["merge", "a"], "merge would replace the report of the last verify; name another folder with --out"),
    ],
)
def test_a_merge_needs_reports_and_a_folder(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(["report", *words])
    assert ended.value.code == 2
    assert f"report: {complaint}" in capsys.readouterr().err


def test_paths_are_paths_as_typed() -> None:
    arguments = parsed(["report", "--out", "../x", "--junit", "j.xml", "--markdown", "m.md", "--json", "-"])
    assert (arguments.out, arguments.junit, arguments.markdown) == (Path("../x"), Path("j.xml"), Path("m.md"))
    assert arguments.json == "-"
