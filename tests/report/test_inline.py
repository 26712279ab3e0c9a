"""Pictures in terminals: which protocol a terminal has, and sequences that decode to the picture again."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping

import numpy as np
import pytest
from PIL import Image

from harness.report.inline import Protocol, protocol_of, shown
from tests.report.screens import Terminal

SIXEL_TERMINAL, OTHER_TERMINAL = "\x1b[?62;4;6;22c", "\x1b[?62;14;22c"


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("variables", "answer", "expected"),
    [
        ({}, "", None),
        ({}, OTHER_TERMINAL, None),
        ({}, SIXEL_TERMINAL, Protocol.SIXEL),
        ({"TERM": "xterm-kitty"}, "", Protocol.KITTY),
        ({"KITTY_WINDOW_ID": "1"}, SIXEL_TERMINAL, Protocol.KITTY),
        ({"TERM_PROGRAM": "ghostty"}, "", Protocol.KITTY),
        ({"TERM_PROGRAM": "iTerm.app"}, "", Protocol.ITERM2),
        ({"TERM_PROGRAM": "WezTerm"}, "", Protocol.ITERM2),
        ({"LC_TERMINAL": "iTerm2"}, "", Protocol.ITERM2),
        ({"TERM_PROGRAM": "Apple_Terminal"}, "", None),
        ({"TERM": "dumb", "KITTY_WINDOW_ID": "1"}, SIXEL_TERMINAL, None),
        ({"TMUX": "/tmp/x", "KITTY_WINDOW_ID": "1"}, "", None),
        ({"TMUX": "/tmp/x", "TERM_PROGRAM": "iTerm.app"}, SIXEL_TERMINAL, Protocol.SIXEL),
        ({"STY": "1", "LC_TERMINAL": "iTerm2"}, OTHER_TERMINAL, None),
    ],
)
def test_the_protocol_of_a_terminal(
    variables: Mapping[str, str], answer: str, expected: Protocol | None
) -> None:
    assert protocol_of(Terminal(), variables, lambda: answer) is expected


def test_what_is_no_terminal_is_asked_nothing_and_shown_nothing() -> None:
    def ask() -> str:
        raise AssertionError("asked")

    assert protocol_of(io.StringIO(), {"TERM": "xterm-kitty"}, ask) is None


def test_kitty_is_sent_the_file_in_pieces() -> None:
    content = png(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    assert len(content) > 8192
    text = shown(content, Protocol.KITTY)
    pieces = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", text)
    assert "".join(f"\x1b_G{how};{piece}\x1b\\" for how, piece in pieces) + "\n" == text
    assert pieces[0][0] == "f=100,a=T,q=2,m=1"
    assert [how for how, _ in pieces[1:]] == ["m=1"] * (len(pieces) - 2) + ["m=0"]
    assert all(len(piece) <= 4096 for _, piece in pieces)
    assert base64.b64decode("".join(piece for _, piece in pieces)) == content


def test_iterm2_is_sent_the_file() -> None:
    content = png(np.zeros((2, 3, 3), np.uint8))
    found = re.fullmatch(
        r"\x1b\]1337;File=inline=1;size=(\d+);preserveAspectRatio=1:(.*)\x07\n",
        shown(content, Protocol.ITERM2),
    )
    assert found is not None
    assert int(found[1]) == len(content)
    assert base64.b64decode(found[2]) == content


def decoded(sixels: str) -> np.ndarray:
    """The picture that a terminal makes of sixels, (height, width, 3) in percent of each colour."""
    found = re.fullmatch(r'\x1bPq"1;1;(\d+);(\d+)(.*)\x1b\\\n', sixels, re.DOTALL)
    assert found is not None
    width, height = int(found[1]), int(found[2])
    picture = np.full((height, width, 3), -1)
    colours: dict[int, tuple[int, ...]] = {}
    top, left, colour = 0, 0, -1
    for token in re.findall(r"#\d+(?:;2;\d+;\d+;\d+)?|!\d+[?-~]|[?-~]|[$-]", found[3]):
        if token.startswith("#"):
            number, *definition = map(int, token[1:].split(";"))
            colour = number
            if definition:
                colours[number] = tuple(definition[1:])
        elif token in "$-":
            left, top = 0, top + (6 if token == "-" else 0)
        else:
            count = int(token[1:-1]) if token.startswith("!") else 1
            for bit in range(6):
                if ord(token[-1]) - 63 >> bit & 1:
                    picture[top + bit, left : left + count] = colours[colour]
            left += count
    return picture


@pytest.mark.parametrize("height", [1, 6, 7, 20])
def test_sixels_are_the_picture(height: int) -> None:
    pixels = np.zeros((height, 9, 3), np.uint8)
    pixels[:, :6] = [255, 0, 102]
    pixels[height // 2, 3] = [0, 255, 0]
    picture = decoded(shown(png(pixels), Protocol.SIXEL))
    assert (picture == np.round(pixels / 2.55)).all()
    assert "!" in shown(png(pixels), Protocol.SIXEL)
