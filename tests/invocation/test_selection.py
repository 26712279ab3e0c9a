"""The messages on the way to the selected cases."""

from __future__ import annotations

import pytest

from harness.config.select import Selection
from harness.errors import Problem
from harness.invocation.selection import gathered, warn_of
from harness.report.terminal import Screen


def test_warnings_of_a_kind_stand_together() -> None:
    warnings = [
        Problem("a.yaml", "model.revision", "null", "floats"),
        Problem("link", "", None, "is not followed"),
        Problem("b.yaml", "model.revision", '"main"', "floats"),
    ]
    assert list(gathered(warnings)) == [
        'a.yaml: model.revision = null, b.yaml: model.revision = "main": floats',
        "link: is not followed",
    ]


def test_others_are_named_up_to_a_point(capsys: pytest.CaptureFixture[str]) -> None:
    many = tuple(f"{number}.yaml" for number in range(30))
    warn_of(Selection((), outside=many, unknown=("x.yaml",)), Screen(quiet=True))
    assert capsys.readouterr().err.splitlines() == [
        f"warning: 30 configs outside the selection have problems: {', '.join(many[:24])} and 6 more; "
        "`harness list` shows them",
        "warning: 1 config that cannot be read and may belong to the selection has problems: x.yaml; "
        "`harness list` shows them",
    ]
