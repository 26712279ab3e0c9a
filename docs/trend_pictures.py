"""Make the pictures of docs/nightly.md: the page of the simulated year of the tests, light and dark, in a browser.

python docs/trend_pictures.py
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness.core.nights.news import items_of  # noqa: E402
from harness.history.database import opened  # noqa: E402
from harness.history.news import news_of  # noqa: E402
from harness.history.reading import read  # noqa: E402
from harness.history.writing import add  # noqa: E402
from harness.report.trend.page import Trend, trend_html  # noqa: E402
from tests.history import year  # noqa: E402
from tests.support.browser import browser  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

IMAGES = ROOT / "docs/images"
SHOWN = year.name(year.CREEPS)


def page(folder: Path) -> Path:
    """The page of the year."""
    with opened(folder / "history.sqlite") as connection:
        for night in year.year():
            add(connection, night)
        found = read(connection)
    items = items_of(news_of(found.timelines, found.nights))
    file = folder / "trend.html"
    file.write_text(trend_html(Trend(found.nights, found.timelines, items)), encoding="utf-8")
    return file


def picture(chromium: Browser, file: Path, scheme: str) -> None:
    """Save what a reader sees who opened one case."""
    tab = chromium.new_page(viewport={"width": 1200, "height": 860}, color_scheme=scheme)  # type: ignore[arg-type]
    tab.goto(f"{file.as_uri()}#{SHOWN}")
    tab.evaluate("scrollTo(0, 0)")
    taken = Image.open(io.BytesIO(tab.screenshot()))
    taken.save(IMAGES / f"trend-{scheme}.webp", quality=85, method=6)
    tab.close()


def main() -> None:
    """Make both pictures."""
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        file = page(Path(folder))
        for scheme in ("light", "dark"):
            picture(chromium, file, scheme)


if __name__ == "__main__":
    main()
