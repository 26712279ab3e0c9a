"""The screen and the JSON of `harness rename`."""

from __future__ import annotations

import io
import json

from harness.core.results.review import MovedFile, RenameReport
from harness.report.terminal import Screen
from harness.report.views.review.rename import rename_json

REPORT = RenameReport("a", "b", (MovedFile("golden", "goldens/a/x", "goldens/b/x"),), True, ("b: record it",))


def test_the_screen() -> None:
    for quiet in (False, True):
        stream = io.StringIO()
        Screen(quiet=quiet, stream=stream).show_renamed(REPORT)
        moved = "" if quiet else "golden: goldens/a/x -> goldens/b/x\n\n"
        total = "renamed a to b: 1 file, which completes an earlier rename\n"
        assert stream.getvalue() == f"{moved}note: b: record it\n\n{total}"


def test_the_json() -> None:
    assert json.loads(rename_json(REPORT)) == {
        "schema": 1,
        "old": "a",
        "new": "b",
        "moved": [{"what": "golden", "old": "goldens/a/x", "new": "goldens/b/x"}],
        "completed": True,
        "notes": ["b: record it"],
    }
