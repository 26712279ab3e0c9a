from __future__ import annotations

from harness.core.nights.stretch import stretches_of
from tests.history.nights import NEW, day, drifted, identical, timeline


def test_nights_that_saw_the_same_are_one_stretch() -> None:
    line = timeline([identical(), identical(), drifted(), drifted(), drifted(), identical()], locks={2: NEW})
    found = stretches_of(line)
    assert [(one.first, one.last, len(one.seen)) for one in found] == [
        (day(0), day(1), 2),
        (day(2), day(4), 3),
        (day(5), day(5), 1),
    ]
    assert [[change.what for change in one.moved] for one in found] == [
        [],
        ["software.packages.diffusers"],
        [],
    ]
    assert [one.judgement for one in found] == [identical(), drifted(), identical()]
