from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UnreadableGolden
from harness.golden import tensors
from harness.golden.tensors import TensorFile
from harness.judge.outputs.compare import first_difference
from harness.report.reason_words import reason_words
from tests.golden.builders import write_capture


def difference(folder: Path, golden: str, now: str) -> str:
    files = [
        TensorFile(write_capture(folder / f"{name}.safetensors", {}, text={"answer": text}))
        for name, text in (("golden", golden), ("now", now))
    ]
    found = first_difference(*files, "output/answer")
    return reason_words([found] if found else []).removeprefix("answer: ")


@pytest.mark.parametrize(
    ("golden", "now", "expected"),
    [
        ("a seven", "a nine", "character 2 onward: 'seven' in the golden, now 'nine'"),
        ("", "x", "character 0 onward: the end in the golden, now 'x'"),
        ("ab", "abc", "character 2 onward: the end in the golden, now 'c'"),
        ("abc", "ab", "character 2 onward: 'c' in the golden, now the end"),
        # ä is c3 a4 and ö is c3 b6: the first differing byte lies inside the character
        ("ßä!", "ßö!", "character 1 onward: 'ä!' in the golden, now 'ö!'"),
        ("日本", "日月", "character 1 onward: '本' in the golden, now '月'"),
        (
            "x" * 5 + "a" * 90,
            "x" * 5 + "b" * 90,
            f"character 5 onward: '{'a' * 32}' in the golden, now '{'b' * 32}'",
        ),
    ],
)
def test_first_difference(tmp_path: Path, golden: str, now: str, expected: str) -> None:
    assert difference(tmp_path, golden, now) == f"text differs from {expected}"


def test_in_a_later_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "CHUNK_BYTES", 16)
    expected = "text differs from character 25 onward: 'X' in the golden, now 'Y'"
    # fifteen two-byte characters and ten more: the difference lies in the third piece
    assert difference(tmp_path, "é" * 15 + "0123456789X", "é" * 15 + "0123456789Y") == expected


def test_both_are_verified_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "CHUNK_BYTES", 16)
    golden = write_capture(tmp_path / "golden.safetensors", {}, text={"answer": "X" + "y" * 99})
    golden.write_bytes(golden.read_bytes()[:-1] + b"z")
    now = write_capture(tmp_path / "now.safetensors", {}, text={"answer": "Y"})
    with pytest.raises(UnreadableGolden, match=r"golden\.safetensors: tensor output/answer is damaged"):
        first_difference(TensorFile(golden), TensorFile(now), "output/answer")
