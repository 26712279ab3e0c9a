"""The screen and the JSON of `harness reject`."""

from __future__ import annotations

import io
import json

from harness.core.results.measure_reasons import VerifyUnfinished
from harness.core.results.review import RejectReport, RejectResult, RejectState
from harness.report.terminal import Screen
from harness.report.views.review.reject import reject_json

REPORT = RejectReport(
    "the colours are wrong",
    (
        RejectResult("a", RejectState.REJECTED, "cpu-x86_64", "drifted", "c" * 16),
        RejectResult("b", RejectState.SKIPPED, "cpu-x86_64", "skipped"),
        RejectResult("c", RejectState.ERROR, reasons=(VerifyUnfinished(),)),
    ),
)


def shown(*, quiet: bool) -> str:
    stream = io.StringIO()
    Screen(quiet=quiet, stream=stream).show_rejected(REPORT)
    return stream.getvalue()


def test_the_screen() -> None:
    assert shown(quiet=False) == (
        "rejected  a  (cpu-x86_64, drifted)\n"
        "skipped  b  (cpu-x86_64, skipped)\n"
        "  was skipped\n"
        "error  c\n"
        "  the last verify did not finish, so none of its captures is accepted\n"
        "\n"
        "3 cases: 1 rejected, 1 skipped, 1 error\n"
    )
    assert shown(quiet=True).startswith("error  c\n")
    assert REPORT.exit_code() == 3


def test_the_json() -> None:
    told = json.loads(reject_json(REPORT))
    assert (told["schema"], told["reason"]) == (1, "the colours are wrong")
    assert told["cases"][0] == {
        "case": "a",
        "state": "rejected",
        "platform": "cpu-x86_64",
        "verdict": "drifted",
        "cause": "c" * 16,
        "reason": "",
    }
    assert told["cases"][1]["reason"] == "was skipped"
