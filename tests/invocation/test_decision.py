"""Which reasons are taken, and how one is asked for."""

from __future__ import annotations

import argparse
import io
import re

import pytest

from harness.errors import UsageError
from harness.invocation.decision import checked_reason, gives_reason, needed_reason
from harness.report.terminal import Screen
from tests.support.typing import typed

QUIET = Screen(quiet=True, stream=io.StringIO())


def test_a_reason_is_one_line() -> None:
    assert checked_reason("  the scheduler\n\twas fixed ✓ ") == "the scheduler was fixed ✓"
    assert checked_reason("x" * 1000) == "x" * 1000


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (" \n", "the reason is empty; say why in a few words"),
        ("...", "'...' says no reason; say why in a few words"),
        ("x" * 1001, "the reason has 1001 characters, at most 1000 are kept; shorten it"),
        ("a\x1b[31mred", "the reason holds the invisible character U+001B; leave it out"),
        ("a\u202eb", "the reason holds the invisible character U+202E; leave it out"),
        ("a\udcffb", "the reason holds the invisible character U+DCFF; leave it out"),
    ],
)
def test_what_is_no_reason(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        checked_reason(text)


def test_the_option_refuses_it_as_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    gives_reason("why")(parser)
    assert parser.parse_args(["--reason", " a  b "]).reason == "a b"
    with pytest.raises(SystemExit):
        parser.parse_args(["--reason", " "])
    assert "--reason: the reason is empty" in capsys.readouterr().err


def test_without_a_terminal_the_option_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        needed_reason(None, QUIET, "to accept", ["a", "b", "c", "d", "e"])
    expected = "--reason: missing; to accept a, b, c and 2 more needs a reason, which stays in the history"
    assert str(caught.value) == expected


def test_in_a_terminal_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = typed(monkeypatch, "the scheduler was fixed\nnot read\n")
    assert needed_reason(None, QUIET, "to accept", ["a"]) == "the scheduler was fixed"
    assert shown.getvalue() == "to accept a; the reason stays in the history\nreason: "


@pytest.mark.parametrize("text", ["", "\n"])
def test_no_answer_is_no_reason(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    typed(monkeypatch, text)
    with pytest.raises(UsageError, match=r"the reason is empty; .*; nothing was changed"):
        needed_reason(None, QUIET, "to accept", ["a"])


def test_a_reason_given_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "another")
    assert needed_reason("known", QUIET, "to accept", ["a"]) == "known"
