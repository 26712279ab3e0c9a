from __future__ import annotations

import json
from dataclasses import replace

from harness.core.nights.news import items_of
from harness.report.views.nightly import news_json
from tests.history.nights import head
from tests.report.screens import screen, shown
from tests.report.test_messages import FOUND

NIGHT = replace(head(2), code=1)
ITEMS = items_of(FOUND)


def test_the_screen_says_what_is_new_first() -> None:
    assert shown(lambda it: it.show_news(NIGHT, ITEMS), width=100) == screen(
        """
        2 cases failing, new since last night: values at unet; moved: diffusers: 0.42.1 -> 0.43.0
          sd/a, sd/b
        1 case recovered (values at unet)
          sd/e
        1 case failing, known since 2026-01-01: values at unet; moved then: diffusers: 0.42.1 -> 0.43.0
          sd/c
        1 case failing, rejected on 2026-01-03: values at unet
          sd/d
        1 case passing with a new digest
          sd/f

        nightly: nightly/2026-01-03: 2 new, 1 recovered, 1 known, 1 rejected, 1 shifted (exit code 1)
        """
    )


def test_a_quiet_screen_says_what_somebody_is_told() -> None:
    told = shown(lambda it: it.show_news(NIGHT, ITEMS), quiet=True, width=100)
    assert "new since last night" in told
    assert "known since" not in told
    assert "nightly: nightly/2026-01-03:" in told


def test_a_night_without_news() -> None:
    assert (
        shown(lambda it: it.show_news(NIGHT, ()))
        == "nightly: nightly/2026-01-03: nothing new (exit code 1)\n"
    )


def test_json_has_every_case_with_its_cause() -> None:
    found = json.loads(news_json(NIGHT, ITEMS))
    assert (found["schema"], found["night"], found["exit_code"]) == (1, "key-2", 1)
    first = found["news"][0]
    assert (first["kind"], first["group"], first["loud"]) == ("new", "g1", True)
    assert [one["case"] for one in first["cases"]] == ["sd/a", "sd/b"]
    assert first["moved"] == [{"what": "software.packages.diffusers", "golden": "0.42.1", "now": "0.43.0"}]
