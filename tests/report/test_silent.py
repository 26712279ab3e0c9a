"""The screen that shows nothing."""

from __future__ import annotations

import pytest

from harness.report.silent import HarnessWarning, SilentScreen


def test_it_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    screen = SilentScreen()
    with screen.watch(1) as progress:
        progress.concluded("one", "identical", 1.0)
    screen.note("a remark")
    screen.say("a remark beside the result")
    screen.show_error("what ended it")
    assert capfd.readouterr() == ("", "")


def test_its_warnings_are_pythons(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(HarnessWarning, match="^a floating revision$"):
        SilentScreen().warn("a floating revision")
    assert capfd.readouterr() == ("", "")
