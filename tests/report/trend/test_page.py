from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.core.nights.news import items_of
from harness.core.nights.timeline import Timeline
from harness.history.news import news_of
from harness.report.trend.page import MOST_NIGHTS, Trend, trend_html
from tests.history.nights import NEW, day, drifted, head, identical, timeline, within
from tests.support.browser import browser, why_not

HOSTILE = '</script><img src="http://evil/x">"\u202e'
FAILING = timeline([identical("a"), identical("a"), drifted("b")], locks={2: NEW})
NIGHTS = [one.night for one in FAILING.seen]


def beside(case: str, judgements: list[object]) -> Timeline:
    """Another case on the same nights."""
    line = timeline(judgements, locks={2: NEW})  # type: ignore[arg-type]
    seen = tuple(replace(one, night=night) for one, night in zip(line.seen, NIGHTS, strict=True))
    return replace(line, case=case, seen=seen)


LINES = [
    beside("a/identical", [identical("a")] * 3),
    beside("b/within", [identical("a"), within(2e-5, "b"), within(2e-5, "b")]),
    FAILING,
]


def page(lines: list[Timeline] = LINES, **others: object) -> str:
    return trend_html(Trend(NIGHTS, lines, items_of(news_of(lines, NIGHTS)), **others))  # type: ignore[arg-type]


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_every_case_has_a_row_the_failing_ones_first() -> None:
    rows = [
        attributes for tag, attributes in Tags(page()).found if tag == "details" and "data-case" in attributes
    ]
    assert [row["data-case"] for row in rows] == ["ddim/two", "b/within", "a/identical"]
    assert [row["data-verdict"] for row in rows] == ["drifted", "within", "identical"]


def test_the_page_says_what_is_new_and_what_moved() -> None:
    text = page(report="report.html")
    assert "<title>3 cases, 3 nights – harness nightly</title>" in text
    assert (
        "1 case failing, new since last night: values at unet (group-1); moved: diffusers: 0.42.1 -&gt; 0.43.0"
        in text
    )
    assert f"{day(2)}: diffusers: 0.42.1 -&gt; 0.43.0" in text
    assert '<a href="report.html">its report</a>' in text


def test_nights_that_are_kept_are_linked() -> None:
    assert f'<a href="../{day(2)}/report.html">{day(2)}</a>' in page(
        links={NIGHTS[2]: f"../{day(2)}/report.html"}
    )
    assert "<a href" not in page().partition('<main id="cases"')[2]


def test_the_page_loads_nothing_and_runs_only_its_own_script() -> None:
    text = page()
    for tag, attributes in Tags(text).found:
        for name in ("src", "href", "style", "onclick"):
            value = attributes.get(name)
            assert value is None or (name == "href" and value.startswith(("data:,", "#"))), (tag, name, value)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src &#39;none&#39;")


def test_words_of_others_are_escaped() -> None:
    judgement = replace(drifted("b"), what=HOSTILE)
    text = page([beside(HOSTILE, [identical("a"), identical("a"), judgement])])
    assert "<img" not in text
    assert "\u202e" not in text
    assert text.count("<script>") == 1


def test_only_the_last_year_is_drawn() -> None:
    nights = [head(number) for number in range(MOST_NIGHTS + 35)]
    text = trend_html(Trend(nights, [replace(FAILING, seen=(replace(FAILING.now, night=nights[-1]),))]))
    assert f"1 case, {MOST_NIGHTS} nights" in text
    assert f"{day(35)} to {day(MOST_NIGHTS + 34)}" in text


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "a browser is here")
def test_a_reader_filters_and_opens_a_case(tmp_path: Path) -> None:
    file = tmp_path / "trend.html"
    file.write_text(page(), encoding="utf-8")
    with browser() as chromium:
        tab = chromium.new_page()
        problems: list[str] = []
        tab.on("console", lambda message: problems.append(message.text))
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on(
            "request", lambda request: problems.append(request.url) if "trend" not in request.url else None
        )
        tab.goto(f"{file.as_uri()}#b/within")
        assert tab.locator("details.trend[open]").get_attribute("data-case") == "b/within"
        assert tab.locator(".shown").text_content() == "3 of 3 cases"
        tab.fill("input[type=search]", "group-1")
        assert tab.locator("details.trend:visible").count() == 1
        tab.fill("input[type=search]", "")
        tab.locator("input[name=changed]").check()
        assert tab.locator(".shown").text_content() == "2 of 3 cases"
        tab.locator(".chip", has_text="within").click()
        assert tab.locator(".shown").text_content() == "1 of 3 cases"
        tab.locator("[data-do=theme]").click()
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        assert problems == []
