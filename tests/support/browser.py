"""A browser for tests and measurements: Chromium, driven by playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_path() -> str | None:
    """The browser that is installed, or that CHROMIUM names; None if there is none but playwright's own."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def why_not() -> str:
    """Why no browser can be driven here; "" if one can."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    own = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
    if browser_path() or list(own.glob("chromium-*")):
        return ""
    return (
        f"no browser: none of {', '.join(NAMES)}; name one with CHROMIUM, or run: playwright install chromium"
    )


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window; raises RuntimeError if there is none."""
    if reason := why_not():
        raise RuntimeError(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # The sandbox needs rights that containers do not have; the pages are our own.
        found = driver.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        try:
            yield found
        finally:
            found.close()
