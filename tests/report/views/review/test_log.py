"""The JSON of `harness log` and `harness diff`, and what a history looks like without a golden."""

from __future__ import annotations

import io
import json

from harness.core.history import Entry, Person, Rejection
from harness.core.results.recording import ListedDraft
from harness.core.results.review import GoldenHistory, HistoryDifference
from harness.core.results.verdict import TensorResult, Verdict
from harness.report.terminal import Screen
from harness.report.views.review.log import difference_json, log_json

AT = "2026-01-02T00:00:00+00:00"
USER = Person("build", "", "system")
ENTRY = Entry("rename", AT, USER, "a better name", "0" * 64, renamed="old/name")
REJECTION = Rejection("c" * 16, USER, AT, "wrong", "no-golden")
DRAFT = ListedDraft("cpu-x86_64", "waiting", "build", AT, "")


def test_the_screen() -> None:
    stream = io.StringIO()
    found = (
        GoldenHistory("a", "cpu-x86_64", "goldens/a/x", (ENTRY,)),
        GoldenHistory("b", "cpu-x86_64", "goldens/b/x", (), (REJECTION,), DRAFT, "b/x: is damaged"),
    )
    Screen(quiet=False, stream=stream).show_log(found)
    assert stream.getvalue() == (
        "a  (cpu-x86_64)\n"
        f"  1  {AT}  rename from old/name by build (user of the\n    system, no git identity)\n"
        "     a better name\n"
        "\n"
        "b  (cpu-x86_64)\n"
        "  b/x: is damaged\n"
        f"  waiting draft by build, {AT}\n"
        "  rejected on 2026-01-02 because wrong (build)\n"
    )
    Screen(quiet=True, stream=(hushed := io.StringIO())).show_log(found)
    assert hushed.getvalue() == ""


def test_the_json() -> None:
    told = json.loads(log_json([GoldenHistory("a", "cpu-x86_64", "goldens/a/x", (ENTRY,))]))
    assert told["schema"] == 1
    assert told["cases"][0]["entries"][0]["renamed"] == "old/name"
    tensor = TensorResult("images", Verdict.DRIFTED, "float32", (2,), {"max_abs": 0.5}, {}, {})
    told = json.loads(difference_json(HistoryDifference("a", "cpu-x86_64", 1, 2, (ENTRY, ENTRY), (tensor,))))
    assert (told["first"], told["second"], told["tensors"][0]["metrics"]["max_abs"]) == (1, 2, 0.5)
    assert told["tensors"][0]["metrics"]["rel_l2"] is None
