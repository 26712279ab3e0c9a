from __future__ import annotations

from harness.report.page.shown import Gained, Picture, Shown, data_uri


def test_address_holds_the_content() -> None:
    assert data_uri(b"abc", "image/png") == "data:image/png;base64,YWJj"
    assert Picture(b"abc", "image/png", 1, 1).uri == "data:image/png;base64,YWJj"


def test_size_counts_all_pictures() -> None:
    picture = Picture(b"abc", "image/png", 1, 1)
    shown = Shown("images", "picture", "", golden=picture, changes=(Gained("x1", "", picture),))
    assert shown.size == 6
