"""Measure the page of a report: its size, how long it takes to write, and how a browser opens and scrolls it.

    python benchmarks/report_page.py [CASES] [FAILURES]

The report is synthetic: noisy pictures of 512 x 512, of which every failure has two that differ all over, the most that
a page can be asked to hold. Chromium is driven by playwright; without one, only size and time are measured.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness.review.page.publishing import publish  # noqa: E402
from tests.support.browser import browser  # noqa: E402
from tests.support.reviews import Sample, picture, run_calls  # noqa: E402

SIDE, KINDS = 512, 10  # so many different failures are made, and each is told many times

SCROLL = """
() => new Promise((done) => {
  const times = [], start = performance.now();
  let last = start;
  const step = (now) => {
    times.push(now - last);
    last = now;
    scrollBy(0, 400);
    if (now - start < 3000 && scrollY + innerHeight < document.body.scrollHeight - 1) requestAnimationFrame(step);
    else {
      const later = times.slice(1);
      done({frames: times.length, worst: Math.max(...later), late: later.filter((time) => time > 34).length});
    }
  };
  requestAnimationFrame(step);
})
"""

PAINT = """
() => ({
  paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  loaded: performance.getEntriesByType("navigation")[0].loadEventEnd,
})
"""


def sample(folder: Path, cases: int, failures: int) -> Sample:
    """A run of so many cases, most of which pass."""
    made = Sample(folder)
    rng = np.random.default_rng(0)
    traces = run_calls(steps=50), run_calls(kernel=1e-4, steps=50)
    for number in range(min(KINDS, failures)):
        golden, now = (
            (picture(SIDE, SIDE, number) + rng.normal(0, 6, (1, SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)
            for _side in range(2)
        )
        made.case(f"failing/{number:04}", {"images": golden}, {"images": now}, calls=traces)
    small = {"images": picture(32, 32)}
    made.case("passing/0000", small, small)
    failing, passing = made.results[:-1], made.results[-1]
    made.results = [
        replace(failing[number % KINDS], case=f"failing/{number:04}") for number in range(failures)
    ]
    made.results += [replace(passing, case=f"passing/{number:04}") for number in range(cases - failures)]
    return made


def main(cases: int = 1000, failures: int = 100) -> None:
    """Make the page, and print what was measured."""
    with tempfile.TemporaryDirectory() as name:
        made = sample(Path(name), cases, failures)
        page = made.out / "report.html"
        start = time.perf_counter()
        publish(made.report(), made.out, page)
        written = time.perf_counter() - start
        pictures = sum(path.stat().st_size for path in page.parent.rglob("*.png"))
        print(
            f"{cases} cases, {failures} failures: {page.stat().st_size / 1e6:.1f} MB, written in {written:.1f} s"
        )
        print(f"pictures beside it: {pictures / 1e6:.1f} MB")
        browse(page)


def browse(page: Path) -> None:
    """Open and scroll the page."""
    with browser() as found:
        tab = found.new_page(viewport={"width": 1400, "height": 900})
        tab.goto(page.as_uri())
        tab.wait_for_load_state("load")
        times = tab.evaluate(PAINT)
        print(f"first paint after {times['paint']:.0f} ms, loaded after {times['loaded']:.0f} ms")
        scrolled = tab.evaluate(SCROLL)
        late = f"{scrolled['late']} later than 34 ms, the worst {scrolled['worst']:.0f} ms"
        print(f"scrolling: {scrolled['frames']} frames, {late}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
