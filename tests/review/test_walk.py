"""What is answered is done, group by group; everything else stays."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from harness.config.load import load_cases
from harness.core.results.recording import RecordState
from harness.golden.store import GoldenStore
from harness.report.terminal import Screen
from harness.review.judged import last_verify
from harness.review.promote import examined
from harness.review.walk import Walk
from tests.support.pretend import Pretend


def walked(monkeypatch: pytest.MonkeyPatch, lines: str, why: str | None = None) -> dict[str, RecordState]:
    """The state of each case after these lines were typed."""
    store, cases = GoldenStore(Path("goldens")), load_cases(Path("configs")).cases
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    with last_verify(Path("out"), None, cases) as judged:
        found = examined(cases, judged, store)
        walk = Walk(judged, store, Screen(quiet=True, stream=io.StringIO()), why)
        walk.through(found)
        return {one.case: one.state for one in walk.results(found)}


@pytest.fixture(autouse=True)
def _inside(drifted: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(drifted.folder)


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ("yes\n", RecordState.UPDATED),
        (" Y \n", RecordState.UPDATED),
        ("no\nwrong\n", RecordState.REJECTED),
        ("n\n\n", RecordState.LEFT),
        ("s\n", RecordState.LEFT),
        ("q\n", RecordState.LEFT),
        ("yy\nyep\n\n", RecordState.LEFT),
        ("e\n", RecordState.LEFT),
        ("", RecordState.LEFT),
    ],
)
def test_each_answer(monkeypatch: pytest.MonkeyPatch, lines: str, state: RecordState) -> None:
    assert walked(monkeypatch, lines, "a fix") == {"a/one": state}, (
        "a/two passes, so nobody is asked about it"
    )


def test_a_reason_that_is_none_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert walked(monkeypatch, "y\na\x07b\na fix\n") == {"a/one": RecordState.UPDATED}
    shown = capsys.readouterr().err
    assert shown.count("reason (empty: leave it): ") == 2
    assert "warning: the reason holds the invisible character U+0007; leave it out" in shown


def test_the_same_walk_twice_finds_nothing_left(monkeypatch: pytest.MonkeyPatch) -> None:
    walked(monkeypatch, "y\n", "a fix")
    assert walked(monkeypatch, "y\n", "a fix") == {"a/one": RecordState.UNCHANGED}
