"""Make the pictures of docs/report.md: the page of a made-up run, in a browser.

    python docs/report_pictures.py

The run has a case of every verdict and every kind of output. A picture differs by one grey level in one pixel, a video
has two frames swapped, a sound lags by one sample, a text has one word changed: each can be seen.
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

from harness.review.page.publishing import publish  # noqa: E402
from tests.support.browser import browser  # noqa: E402
from tests.support.reviews import every_verdict  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = ROOT / "docs/images"

CASES = {
    "cause": ("sd/prompts@seed=0", ""),
    "one-pixel": ("picture/one-pixel", "4"),
    "swapped-frame": ("video/swapped", "2"),
    "shifted-sample": ("audio/shifted", ""),
    "changed-word": ("text/one-word", ""),
    "nan": ("latents/nan", "4"),
}
"""Each picture by its name: the case that it shows, and the key that is pressed."""


def main() -> None:
    """Write all pictures."""
    with tempfile.TemporaryDirectory() as name, browser() as found:
        made = every_verdict(Path(name))
        page = made.out / "report.html"
        publish(made.report(), made.out, page)
        whole(found, page.as_uri())
        for picture, (case, key) in CASES.items():
            one_case(found, page.as_uri(), picture, case, key)


def whole(found: Browser, address: str) -> None:
    """The top of the page in light, in dark and on a narrow screen."""
    for name, scheme, width, height in (
        ("report", "light", 1280, 900),
        ("report-dark", "dark", 1280, 900),
        ("report-narrow", "light", 390, 844),
    ):
        tab = opened(found, address, scheme, width, height)
        save(tab.screenshot(), name)
        tab.close()


def one_case(found: Browser, address: str, name: str, case: str, key: str) -> None:
    """One case, open, on a screen that holds all of it."""
    tab = opened(found, address, "light", 1280, 2400)
    tab.evaluate("document.querySelector('.case[open]').open = false")
    tab.locator(f".case[data-case='{case}'] > summary").click()
    if key:
        tab.keyboard.press(key)
    tab.mouse.move(0, 0)
    tab.wait_for_timeout(200)
    save(tab.locator(f".case[data-case='{case}']").screenshot(), f"report-{name}")
    tab.close()


def opened(found: Browser, address: str, scheme: str, width: int, height: int) -> Page:
    """The page in a new tab."""
    tab = found.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    tab.goto(address)
    return tab


def save(content: bytes, name: str) -> None:
    """Write a picture."""
    path = IMAGES / f"{name}.webp"
    Image.open(io.BytesIO(content)).convert("RGB").save(path, lossless=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
