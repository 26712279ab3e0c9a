"""The page in a real browser: what a reader sees, types and clicks, and that nothing leaves the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from harness.core.results.verdict import ExactFinding, Verdict
from harness.review.page.publishing import publish
from tests.support.browser import browser, why_not
from tests.support.reviews import ATTACK, Sample, every_verdict, one_level, picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "a browser is here")

VISIBLE = ".case:not([hidden]), .case-row:not([hidden])"
SEEN = (
    "(layer) => getComputedStyle(layer).visibility === 'visible' && layer.getBoundingClientRect().width > 0"
)

LINES = (
    "(one) => { const range = document.createRange(); range.selectNodeContents(one);"
    " return range.getClientRects().length; }"
)


class Log:
    """What the browser tells of a tab: requests, console, errors and dialogs."""

    def __init__(self, tab: Page) -> None:
        self.requests, self.troubles = list[str](), list[str]()
        tab.on("request", lambda one: self.requests.append(one.url))
        tab.on("console", lambda one: self.troubles.append(f"{one.type}: {one.text}"))
        tab.on("pageerror", lambda one: self.troubles.append(str(one)))
        tab.on("dialog", lambda one: self.troubles.append(f"dialog: {one.message}") or one.dismiss())


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = every_verdict(tmp_path_factory.mktemp("page"))
    page = made.out / "report.html"
    publish(made.report(), made.out, page)
    return page.as_uri()


@pytest.fixture
def tab(chromium: Browser, address: str) -> Iterator[Page]:
    yield from opened(chromium, address)


def opened(chromium: Browser, address: str, **how: Any) -> Iterator[Page]:
    context = chromium.new_context(**({"viewport": {"width": 1300, "height": 900}} | how))
    context.set_default_timeout(8000)
    found = context.new_page()
    log = Log(found)
    found.goto(address)
    yield found
    assert log.troubles == []
    assert {url for url in log.requests if not url.startswith("data:")} <= {address}
    context.close()


def shown(tab: Page) -> list[str]:
    return tab.eval_on_selector_all(VISIBLE, "(found) => found.map((one) => one.dataset.case)")


def current(tab: Page) -> str:
    return tab.eval_on_selector(".case.current", "(one) => one.dataset.case")


def open_case(tab: Page, case: str) -> None:
    tab.locator(f".case[data-case='{case}'] > summary").click()


def open_all(tab: Page) -> None:
    """Open every case, and lay out those that are not on the screen too."""
    opening = "(one) => { one.open = true; one.style.contentVisibility = 'visible'; }"
    tab.eval_on_selector_all(".case", f"(found) => found.forEach({opening})")


def layers(tab: Page, case: str) -> list[str]:
    """The pictures of the first viewer of a case that can be seen."""
    first = tab.locator(f".case[data-case='{case}'] .viewer").first.locator(".layer")
    return [
        (one.get_attribute("class") or "").split()[1] + (one.get_attribute("data-gain") or "")
        for one in first.all()
        if one.evaluate(SEEN)
    ]


def test_nothing_runs_and_nothing_is_loaded(tab: Page) -> None:
    assert "14 of 17 cases failed" in tab.title()
    open_all(tab)
    text = tab.locator("body").inner_text()
    assert f"a handwritten seven {ATTACK}" in text
    assert "</script><img src=x onerror=alert(2)>" in text
    assert "loading</script>" in text
    assert tab.locator("body script").count() == 1
    assert tab.locator("img[src='x']").count() == 0


def test_every_verdict_is_there_without_script(chromium: Browser, address: str) -> None:
    for tab in opened(chromium, address, java_script_enabled=False):
        text = tab.locator("main").inner_text()
        assert all(f" {verdict}" in text for verdict in Verdict)
        assert not tab.locator(".filters").is_visible()
        case = tab.locator(".case[open]").first
        assert case.locator(".layer.golden img").first.is_visible()
        assert case.locator(".layer.now img").first.is_visible()
        tab.locator(".case > summary", has_text="audio/shifted").click()
        assert tab.locator(".case[data-case='audio/shifted'] audio").first.is_visible()


def test_filters_and_their_state_in_the_address(tab: Page) -> None:
    assert len(shown(tab)) == 17
    tab.locator(".chip", has_text="broken").click()
    assert shown(tab) == ["latents/nan", "raised/shape"]
    tab.locator(".chip", has_text="identical").click()
    tab.get_by_label("Find").fill("shape")
    assert shown(tab) == ["raised/shape"]
    assert unquote(tab.evaluate("location.hash")) == "#v=identical,broken&q=shape"
    assert tab.locator(".shown").inner_text() == "1 of 17 cases"
    tab.reload()
    assert shown(tab) == ["raised/shape"]
    tab.get_by_label("Find").fill("no such case")
    assert tab.locator(".empty").is_visible()
    tab.get_by_role("button", name="Show all").click()
    assert len(shown(tab)) == 17
    assert tab.evaluate("location.hash") == ""


@pytest.mark.parametrize(
    ("name", "value", "cases"),
    [
        ("tag", "sd", [f"sd/prompts@seed={number}" for number in range(3)]),
        ("pipeline", "AudioLDMPipeline", ["audio/shifted"]),
        ("platform", "cpu-x86_64", None),
    ],
)
def test_selections(tab: Page, name: str, value: str, cases: list[str] | None) -> None:
    tab.locator(f"select[name={name}]").select_option(value)
    assert shown(tab) == cases if cases else 0 < len(shown(tab)) < 17


def test_what_the_reason_says_is_found(tab: Page) -> None:
    tab.get_by_label("Find").fill("sigkill")
    assert shown(tab) == ["lost/worker"]


def test_keys_lead_from_case_to_case(tab: Page) -> None:
    order = [name for name in shown(tab) if tab.locator(f".case[data-case='{name}']").count()]
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    assert current(tab) == order[1]
    assert tab.locator(".case[open]").count() == 1
    tab.keyboard.press("k")
    assert current(tab) == order[0]
    assert f"case={order[0]}" in unquote(tab.evaluate("location.hash"))
    tab.keyboard.press("Enter")
    assert tab.locator(".case[open]").count() == 0
    tab.keyboard.press("/")
    tab.keyboard.type("jk?")
    assert tab.get_by_label("Find").input_value() == "jk?"
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    assert tab.locator("dialog.help").is_visible()
    tab.keyboard.press("Escape")
    assert not tab.locator("dialog.help").is_visible()


def test_pictures_flip_on_one_spot(tab: Page) -> None:
    case = "picture/one-pixel"
    assert layers(tab, case) == ["now"]
    open_case(tab, case)
    open_case(tab, case)
    place = "(one) => JSON.stringify(one.getBoundingClientRect())"
    images = tab.locator(f".case[data-case='{case}'] .viewer").first.locator(".golden img, .now img")
    assert images.nth(0).evaluate(place) == images.nth(1).evaluate(place)
    tab.keyboard.press("ArrowLeft")
    assert layers(tab, case) == ["golden"]
    tab.keyboard.press("ArrowRight")
    assert layers(tab, case) == ["now"]
    tab.locator(f".case[data-case='{case}'] .flip").first.click()
    assert layers(tab, case) == ["golden"]
    tab.keyboard.press("2")
    assert layers(tab, case) == ["golden", "now"]
    tab.keyboard.press("3")
    assert layers(tab, case) == ["golden", "now"]
    slider = tab.locator(f".case[data-case='{case}'] input[type=range]").first
    slider.fill("20")
    image = tab.locator(f".case[data-case='{case}'] .now img").first
    assert image.evaluate("(one) => getComputedStyle(one).clipPath") == "inset(0px 0px 0px 20%)"
    tab.keyboard.press("4")
    slider.evaluate("(one) => one.blur()")
    tab.keyboard.press("4")
    assert layers(tab, case) == ["changex256"]
    tab.keyboard.press("x")
    assert layers(tab, case) == ["changeanywhere"]
    tab.get_by_role("button", name="Difference x1").first.click()
    assert layers(tab, case) == ["changex1"]
    legend = tab.locator(f".case[data-case='{case}'] .layer.on .legend").inner_text()
    assert legend == "full colour: a change by 256 grey levels or more: ■ more, ■ less than the golden"


def test_the_only_pixel_that_differs_is_marked(tab: Page) -> None:
    box = tab.locator(".case[open] .spots rect").first.bounding_box()
    picture = tab.locator(".case[open] .layer.now img").first.bounding_box()
    assert box
    assert picture
    # Row 40 and column 90 of 96 x 128 pixels, whose middle is half a pixel further.
    assert box["x"] + box["width"] / 2 - picture["x"] == pytest.approx(90.5 / 128 * picture["width"], abs=2)
    assert box["y"] + box["height"] / 2 - picture["y"] == pytest.approx(40.5 / 96 * picture["height"], abs=2)
    tab.get_by_label("mark the place").first.uncheck()
    assert not tab.locator(".case[open] .spots").first.is_visible()


def test_a_sheet_plays_as_a_flip_book(tab: Page) -> None:
    open_case(tab, "video/swapped")
    play = tab.get_by_role("button", name="Play as a flip-book")
    play.click()
    tab.wait_for_function("() => (document.querySelector('canvas')?.toDataURL().length || 0) > 2000")
    play.click()
    assert tab.locator("canvas").count() == 0


def test_marks_stay_and_become_commands(tab: Page) -> None:
    open_case(tab, "text/one-word")
    tab.keyboard.press("y")
    open_case(tab, "latents/nan")
    tab.keyboard.press("n")
    open_case(tab, "sd/prompts@seed=0")
    tab.locator(".case.current").get_by_role("button", name="Intended y", exact=True).click()
    tab.get_by_label("Reason").fill("it's meant")
    commands = tab.locator(".marks code").all_inner_texts()
    assert commands == [
        """harness accept sd/prompts@seed=0 text/one-word --reason 'it'"'"'s meant'""",
        """harness reject latents/nan --reason 'it'"'"'s meant'""",
    ]
    tab.reload()
    assert tab.locator(".marks-count").inner_text() == "2 intended, 1 not intended"
    assert tab.locator(".case[data-case='text/one-word'] .mine").text_content() == "✓ intended"
    tab.get_by_role("button", name="Clear the marks").click()
    assert not tab.locator(".marks").is_visible()
    assert tab.locator(".case[data-case='raised/shape'] .decide").count() == 0


def test_a_browser_that_keeps_nothing(chromium: Browser, address: str) -> None:
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused'); }});"
    context = chromium.new_context()
    context.add_init_script(refuse)
    tab = context.new_page()
    log = Log(tab)
    tab.goto(address)
    tab.keyboard.press("j")
    tab.keyboard.press("y")
    assert tab.locator(".marks-count").inner_text() == "1 intended, 0 not intended"
    assert log.troubles == []
    context.close()


def test_a_page_without_an_address_of_its_own(chromium: Browser, address: str) -> None:
    tab = chromium.new_page()
    log = Log(tab)
    tab.goto("about:blank")
    show = "(page) => Object.assign(document.body.appendChild(document.createElement('iframe')), page)"
    tab.evaluate(show, {"sandbox": "allow-scripts", "srcdoc": Path(unquote(address[7:])).read_text()})
    preview = tab.frame_locator("iframe")
    preview.locator(".chip", has_text="broken").click()
    assert preview.locator(".shown").inner_text() == "2 of 17 cases"
    assert [trouble for trouble in log.troubles if "sandboxed" not in trouble] == []
    tab.close()


def test_commands_are_copied_by_a_click(chromium: Browser, address: str) -> None:
    for tab in opened(chromium, address, permissions=["clipboard-read", "clipboard-write"]):
        button = tab.locator(".group .copy").first
        button.click()
        tab.wait_for_function("(one) => one.textContent === 'Copied'", arg=button.element_handle())
        assert tab.evaluate("navigator.clipboard.readText()") == "harness explain picture/one-pixel"


def test_dark_and_light(chromium: Browser, address: str) -> None:
    colours = {}
    for scheme in ("dark", "light"):
        for tab in opened(chromium, address, color_scheme=scheme):
            back = "getComputedStyle(document.body).backgroundColor"
            colours[scheme] = tab.evaluate(back)
            tab.get_by_role("button", name="Switch between dark and light").click()
            colours[f"not {scheme}"] = tab.evaluate(back)
            tab.reload()
            assert tab.evaluate(back) == colours[f"not {scheme}"]
    assert colours["dark"] == colours["not light"] != colours["light"] == colours["not dark"]


@pytest.mark.parametrize(("width", "height"), [(360, 740), (3840, 2160)])
def test_narrow_and_wide_screens_need_no_sideways_scrolling(
    chromium: Browser, address: str, width: int, height: int
) -> None:
    for tab in opened(chromium, address, viewport={"width": width, "height": height}):
        open_all(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_whether_a_finding_fails_is_one_word(chromium: Browser, tmp_path: Path) -> None:
    made = Sample(tmp_path)
    result = made.case("a", {"images": picture()}, {"images": one_level(picture())})
    long = "a_name_without_any_space_" * 8
    found = (ExactFinding(long, long, long, True), ExactFinding(long, long, long, False))
    made.results = [replace(result, exact_findings=found)]
    page = made.out / "report.html"
    publish(made.report(), made.out, page)
    for tab in opened(chromium, page.as_uri(), viewport={"width": 360, "height": 740}):
        open_all(tab)
        words = tab.locator(".findings td:first-child").all()
        assert [one.evaluate(LINES) for one in words] == [1, 1]
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1300])
def test_axe_finds_nothing(chromium: Browser, address: str, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for tab in opened(chromium, address, color_scheme=scheme, viewport={"width": width, "height": 900}):
        open_case(tab, "text/one-word")
        tab.keyboard.press("y")
        open_all(tab)
        assert told(axe.run(tab)) == []
        tab.locator("[data-do=help]").click()
        assert told(axe.run(tab)) == []


def told(found: Any) -> list[str]:
    return [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary']}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


def test_on_paper_everything_is_open(tab: Page, tmp_path: Path) -> None:
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    tab.emulate_media(media="print")
    assert tab.locator(".case:not([open])").count() == 0
    assert not tab.locator(".filters").is_visible()
    assert tab.locator(".case[data-case='lost/worker'] pre").is_visible()
