"""Writes the page of a report, and the pictures beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from harness.core.results.verdict import Report
from harness.errors import HarnessError
from harness.explain.results import Growths
from harness.invocation.options import Options, named_out

PAGE_NAME = "report.html"
"""The page in the output folder."""

_PICTURES = "-pictures"  # `report-pictures` beside `report.html`


def publish(report: Report, folder: Path, page: Path, out: str = "", growths: Growths | None = None) -> None:
    """Write the page of `report`, whose captures are in `folder`, to `page`.

    `out` is the output folder as commands have to name it, "" for the default. `growths` holds what is already
    known; the traces of other cases are decoded. Raises what `files.write` raises.
    """
    # Imported lazily: a verify that ends early, and every other command, needs none of it.
    from harness.report.json_report import write_text
    from harness.report.page.page import page_html
    from harness.review.page.building import Where, review_of

    write_text(page, page_html(review_of(report, Where(folder, page, _pictures(page)), out, growths or {})))


def try_to_publish(
    report: Report,
    options: Options,
    warn: Callable[[str], None],
    growths: Growths | None = None,
    *,
    folder: Path | None = None,
) -> Path | None:
    """The page of a verify in its output folder; never raises: the verdicts must not depend on it.

    Captures are in the output folder, or in another `folder`. Returns the path of the page, None if it could not be
    written; `warn` is then told why.
    """

    def write(page: Path) -> None:
        discard_page(options.out)
        publish(report, folder or options.out, page, named_out(options), growths)

    return _tried(write, options, warn)


def try_to_publish_index(
    reports: Sequence[Report], pages: Sequence[Path], options: Options, warn: Callable[[str], None]
) -> Path | None:
    """As `try_to_publish`: a page in the output folder that lists candidates, each with a page of its own."""

    def write(page: Path) -> None:
        from harness.report.json_report import write_text
        from harness.report.page.page import index_html

        links = [path.relative_to(page.parent).as_posix() for path in pages]
        write_text(page, index_html(list(zip(reports, links, strict=True))))

    return _tried(write, options, warn)


def _tried(write: Callable[[Path], None], options: Options, warn: Callable[[str], None]) -> Path | None:
    page = options.out / PAGE_NAME
    try:
        write(page)
    except HarnessError as error:
        warn(f"the page of the report could not be written: {error}")
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        warn(f"{page}: could not be written ({told}); the verdicts stand, and report.json holds them")
    else:
        return page
    return None


def discard_page(folder: Path) -> None:
    """Remove an earlier page and its pictures from an output folder: it would describe captures that are gone."""
    page = folder / PAGE_NAME
    with suppress(OSError):
        page.unlink(missing_ok=True)
    shutil.rmtree(_pictures(page), ignore_errors=True)


def _pictures(page: Path) -> Path:
    """The folder of the whole pictures of a page."""
    return page.with_name(page.stem + _PICTURES)
