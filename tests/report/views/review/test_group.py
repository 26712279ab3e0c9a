"""A group of failures as it is shown before somebody decides: the curve of the first, and a line of each other."""

from __future__ import annotations

import io
from dataclasses import replace

from harness.core.history import Person, Rejection
from harness.core.results.explanation import GrowthRow
from harness.core.results.groups import groups_of
from harness.core.results.review import Look
from harness.report.terminal import Screen
from tests.report.samples import DRIFTED

CURVE = (0.0, 0.0, 3e-6, 5e-4, 2e-2)
ROW = GrowthRow("scheduler.step", "scheduler", "scheduler", 5, 5, 2, 3e-6, 2e-2, 2e-2, 0.0, CURVE)


def test_the_first_has_its_table_and_the_others_their_curve() -> None:
    rejection = Rejection("c" * 16, Person("Ann"), "2026-01-02T00:00:00+00:00", "wrong", "drifted")
    one, two = replace(DRIFTED, case="sd/a"), replace(DRIFTED, case="sd/b", rejected=rejection)
    [group] = groups_of([one, two])
    stream = io.StringIO()
    looks = [Look(one, (ROW,)), Look(two, (ROW,), ("out/report-pictures/sd/b/golden.png",))]
    Screen(quiet=True, stream=stream).show_group(group, looks, 2, 3)
    shown = stream.getvalue()
    assert shown.startswith("\ngroup 2 of 3  2 cases: 2 drifted\n")
    assert "next:" not in shown, "who decides is where the next step leads"
    first, second = shown.split("\n\ndrifted  sd/b")
    assert "scheduler.step" in first
    assert "··▃▅▇" in first
    assert "  rejected on 2026-01-02 because wrong (Ann)\n" in second
    assert "  rel_l2 of scheduler.step by call: ··▃▅▇\n" in second
    assert second.endswith("  picture: out/report-pictures/sd/b/golden.png\n")
