"""Pictures inside a terminal that can show them: the protocols of kitty and iTerm2, and sixels.

Kitty: https://sw.kovidgoyal.net/kitty/graphics-protocol/. iTerm2: https://iterm2.com/documentation-images.html.
Sixels: https://vt100.net/docs/vt3xx-gp/chapter14.html; a terminal that has them says 4 among its device attributes.
"""

from __future__ import annotations

import base64
import io
import os
import re
import select
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import IO

_PIECE = 4096
"""Bytes of base64 that kitty takes at once."""

_PATIENCE_SECONDS = 0.3
"""How long a terminal may take to say what it is."""

_COLOURS = 256
_ROWS = 6  # of pixels in a line of sixels


class Protocol(StrEnum):
    """How a terminal is told to show a picture."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"


def protocol_of(stream: IO[str], variables: Mapping[str, str], ask: Callable[[], str]) -> Protocol | None:
    """The protocol of the terminal behind `stream`; None if it is no terminal or shows no pictures.

    `ask` gives the terminal's answer to a request for its device attributes, "" if it gives none. Inside tmux or screen
    only that answer counts: the variables are those of the terminal outside.
    """
    if not stream.isatty() or variables.get("TERM") in ("dumb", "unknown"):
        return None
    program = variables.get("TERM_PROGRAM", "")
    if not (variables.get("TMUX") or variables.get("STY")):
        if variables.get("TERM") == "xterm-kitty" or variables.get("KITTY_WINDOW_ID") or program == "ghostty":
            return Protocol.KITTY
        if program in ("iTerm.app", "WezTerm") or variables.get("LC_TERMINAL") == "iTerm2":
            return Protocol.ITERM2
    attributes = re.search(r"\x1b\[\?([\d;]*)c", ask())
    return Protocol.SIXEL if attributes and "4" in attributes[1].split(";") else None


def device_attributes() -> str:
    """The answer of the terminal at standard input to a request for its device attributes; "" if there is none."""
    try:
        import termios
        import tty

        number = sys.stdin.fileno()
        if not (os.isatty(number) and os.isatty(sys.stdout.fileno())):
            return ""
        before = termios.tcgetattr(number)
    except (ImportError, OSError, ValueError, termios.error):
        return ""
    try:
        tty.setcbreak(number, termios.TCSANOW)
        os.write(sys.stdout.fileno(), b"\x1b[c")
        return _answer(number)
    except (OSError, termios.error):
        return ""
    finally:
        termios.tcsetattr(number, termios.TCSANOW, before)


def shown(png: bytes, protocol: Protocol) -> str:
    """The control sequences that show a PNG file at the cursor, and end the line."""
    match protocol:
        case Protocol.KITTY:
            return f"{_kitty(png)}\n"
        case Protocol.ITERM2:
            content = base64.b64encode(png).decode()
            return f"\x1b]1337;File=inline=1;size={len(png)};preserveAspectRatio=1:{content}\x07\n"
        case Protocol.SIXEL:
            return f"{_sixels(png)}\n"


def _answer(number: int) -> str:
    found = b""
    while not found.endswith(b"c") and select.select([number], [], [], _PATIENCE_SECONDS)[0]:
        piece = os.read(number, 64)
        if not piece:
            break
        found += piece
    return found.decode("ascii", "replace")


def _kitty(png: bytes) -> str:
    content = base64.b64encode(png).decode()
    pieces = [content[start : start + _PIECE] for start in range(0, len(content), _PIECE)]
    sequences = []
    for place, piece in enumerate(pieces):
        first = "f=100,a=T,q=2," if place == 0 else ""
        more = 0 if place == len(pieces) - 1 else 1
        sequences.append(f"\x1b_G{first}m={more};{piece}\x1b\\")
    return "".join(sequences)


def _sixels(png: bytes) -> str:
    """The picture in at most 256 colours, six rows of pixels a line."""
    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    palette = np.asarray(picture.getpalette(), dtype=int).reshape(-1, 3)
    indices = np.asarray(picture)
    height, width = indices.shape
    head = [f'\x1bPq"1;1;{width};{height}']
    for one in np.unique(indices):
        head.append(f"#{one};2;" + ";".join(str(round(part * 100 / 255)) for part in palette[one]))
    lines = []
    for top in range(0, height, _ROWS):
        band = indices[top : top + _ROWS]
        bits = 1 << np.arange(len(band))
        lines.append("$".join(f"#{one}{_run_lengths(bits @ (band == one))}" for one in np.unique(band)))
    return "".join(head) + "-".join(lines) + "\x1b\\"


def _run_lengths(columns: object) -> str:
    """The sixels of one colour in one line, equal ones counted."""
    text = "".join(chr(63 + int(column)) for column in columns)  # type: ignore[attr-defined]
    return re.sub(r"(.)\1{3,}", lambda found: f"!{len(found[0])}{found[1]}", text)
