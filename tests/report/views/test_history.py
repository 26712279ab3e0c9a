from __future__ import annotations

import json
from dataclasses import replace

from harness.core.nights.night import Cost
from harness.report.views.history import added_json, added_words, history_json
from tests.history.nights import NEW, drifted, identical, timeline, within
from tests.report.screens import screen, shown

REJECTED = replace(drifted("d"), rejected="2026-01-05")
COSTS = [Cost(0.1, 1.0 + place / 10, 2.0, 2**30) for place in range(6)]
LINE = timeline(
    [identical("a" * 64), identical("a" * 64), within(2e-5, "b" * 64), drifted("c" * 64), REJECTED, REJECTED],
    locks={2: NEW},
    costs=COSTS,
)


def test_the_screen_shows_stretches_of_nights() -> None:
    assert shown(lambda it: it.show_history([LINE])) == screen(
        """
        ddim/two  (cpu-x86_64), 6 nights

        since       nights  verdict    outputs     worst metric               seconds
        ─────────────────────────────────────────────────────────────────────────────
        2026-01-01       2  identical  aaaaaaaaaa  -                              1.1
        2026-01-03       1  within     bbbbbbbbbb  rel_l2 2.0e-05 <= 1.0e-04      1.2
          moved: diffusers: 0.42.1 -> 0.43.0
        2026-01-04       1  drifted    cccccccccc  rel_l2 0.01 > 1.0e-04          1.3
          values at unet (group-1)
        2026-01-05       2  drifted    d           rel_l2 0.01 > 1.0e-04          1.4
          values at unet (group-1)
          rejected on 2026-01-05
        """
    )


def test_a_quiet_screen_shows_nothing() -> None:
    assert shown(lambda it: it.show_history([LINE]), quiet=True) == ""


def test_json_has_every_night() -> None:
    (case,) = json.loads(history_json([LINE]))["cases"]
    assert (case["case"], case["platform"], len(case["nights"])) == ("ddim/two", "cpu-x86_64", 6)
    third = case["nights"][2]
    assert third == {
        "night": "key-2",
        "started": "2026-01-03T03:17:00Z",
        "verdict": "within",
        "golden": "golden",
        "outputs": "b" * 64,
        "trace": None,
        "cause": "",
        "what": "",
        "rejected": None,
        "again": [],
        "metrics": [{"output": "images", "metric": "rel_l2", "value": 2e-5, "limit": 1e-4}],
        "seconds": {"load": 0.1, "run": 1.2, "total": 2.0},
        "memory": 2**30,
        "moved": [{"what": "software.packages.diffusers", "golden": "0.42.1", "now": "0.43.0"}],
        "folder": "nightly/2026-01-03",
    }


def test_what_was_added() -> None:
    assert json.loads(added_json(2, 1)) == {"schema": 1, "added": 2, "known": 1}
    assert added_words(2, 0) == "added 2 nights"
    assert added_words(1, 1) == "added 1 night; 1 was there already"
    assert added_words(0, 3) == "added 0 nights; 3 were there already"
