"""The list of what is kept."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.core.environment import Change
from harness.upgrade import kept
from harness.upgrade.listing import listed, pruned
from harness.upgrade.lock import Lock
from tests.upgrade.test_kept import environment

HERE = Lock({"a": "1", "b": "2"})


def test_each_is_described(tmp_path: Path) -> None:
    one, two, three = (environment(tmp_path, number, number * 1000) for number in (1, 2, 3))
    (one / kept.LOCK).write_text("a==1.5\nc==3\n")
    os.utime(one / kept.LOCK, (500, 500))
    (two / kept.PROBED).write_text(json.dumps({"probe": "x", "problem": ""}))
    (three / kept.PROBED).write_text(json.dumps({"probe": "x", "problem": "ImportError: no"}))
    holding = kept.hold(two)
    os.utime(two / kept.USED, (2000, 2000))
    report = listed(tmp_path, HERE)
    assert [int(one.key, 16) for one in report.environments] == [3, 2, 1]
    last, middle, first = report.environments
    assert (first.made, first.used) == (datetime.fromtimestamp(500, UTC), datetime.fromtimestamp(1000, UTC))
    assert first.moved == (Change("a", "1", "1.5"), Change("b", "2", None), Change("c", None, "3"))
    assert [(one.importable, one.problem) for one in (last, middle, first)] == [
        (False, "ImportError: no"),
        (True, ""),
        (None, ""),
    ]
    assert [one.in_use for one in (last, middle, first)] == [False, True, False]
    assert report.bytes == kept.Disk.of([one, two, three]).bytes > 0
    assert first.bytes == first.frees > 0
    del holding


def test_pruning_goes_down_to_the_limit_or_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        environment(tmp_path, number, number)
    monkeypatch.setenv("HARNESS_CACHE_LIMIT", "1GB")
    report = pruned(tmp_path, HERE)
    assert (report.removed, report.limit, len(report.environments)) == ((), 10**9, 2)
    report = pruned(tmp_path, HERE, everything=True)
    assert (report.removed, report.environments, report.bytes) == ((f"{1:032x}", f"{2:032x}"), (), 0)
