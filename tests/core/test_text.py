from __future__ import annotations

import pytest

from harness.core.text import NotText, conflict_in, conflict_remains, conflicts, decoded

WHOLE = "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> theirs\n"


@pytest.mark.parametrize("text", ["", "a", "\ufeffa"[1:], "zwölf\n七"])
def test_utf_8_with_and_without_a_mark(text: str) -> None:
    assert decoded(text.encode()) == text
    assert decoded(text.encode("utf-8-sig")) == text


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("utf-32-le", "UTF-32"),
        ("utf-32-be", "UTF-32"),
    ],
)
def test_wide_encodings_are_named(encoding: str, told: str) -> None:
    with pytest.raises(NotText, match=rf"^{told} text; save it as UTF-8$"):
        decoded("a seven".encode(encoding))


def test_another_encoding_is_told_with_its_line() -> None:
    with pytest.raises(NotText, match=r"^line 2: not UTF-8 text \(byte 0xf6\); save it as UTF-8$"):
        decoded("a\nzwölf".encode("latin-1"))


def test_where_whole_conflicts_begin() -> None:
    diff3 = WHOLE.replace("=======", "||||||| base\nb: 1\n=======")
    assert [marker.line for marker in conflicts(WHOLE + diff3)] == [2, 8]
    assert [marker.text for marker in conflicts(WHOLE.replace("\n", "\r\n"))] == ["<<<<<<< HEAD"]
    assert str(conflicts(WHOLE)[0]) == (
        "line 2: unresolved merge conflict (<<<<<<< HEAD); resolve it and remove the markers"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<<: *a",
        "a\n=======\nb",
        "a <<<<<<< HEAD",
        " <<<<<<< HEAD\n =======\n >>>>>>> a",
        "<<<<<<<x\n=======\n",
    ],
)
def test_what_is_no_whole_conflict(text: str) -> None:
    assert conflicts(text) == ()


@pytest.mark.parametrize(
    ("text", "line"), [("a\n=======\n", 2), (">>>>>>> theirs", 1), ("a\n\n||||||| 12ab\n", 3), (WHOLE, 2)]
)
def test_what_remains_of_a_conflict(text: str, line: int) -> None:
    assert [marker.line for marker in conflict_remains(text)] == [line]
    found = conflict_in(b"\xff" + text.encode() if line > 1 else text)
    assert found is not None
    assert found.line == line


def test_nothing_remains_where_nothing_was() -> None:
    assert conflict_in("a: 1\n# ======= a heading =======\n") is None
