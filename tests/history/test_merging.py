from __future__ import annotations

from pathlib import Path

from harness.history import told
from harness.history.database import opened
from harness.history.merging import merge
from harness.history.reading import read
from harness.history.writing import add
from tests.history.nights import ELSEWHERE, NEW, drifted, identical, judged, night


def test_the_nights_of_two_machines_become_one_history(tmp_path: Path) -> None:
    with opened(tmp_path / "a.sqlite") as ours, opened(tmp_path / "b.sqlite") as theirs:
        add(ours, night(0, judged(identical())))
        add(ours, night(2, judged(identical())))
        add(theirs, night(0, judged(identical())))
        add(theirs, night(1, judged(drifted(), again=("b", "c")), lock=NEW, machine=ELSEWHERE))
        told.tell(theirs, "key-1", "webhook")
        assert merge(ours, theirs) == (1, 1)
        assert merge(ours, theirs) == (0, 2)
        (line,) = read(ours).timelines
        assert not told.told(ours, "key-1", "webhook")
    assert [one.night.key for one in line.seen] == ["key-0", "key-1", "key-2"]
    between = line.seen[1]
    assert (between.judgement, between.again) == (drifted(), ("b", "c"))
    assert (between.night.machine, between.night.lock) == (ELSEWHERE, NEW)
