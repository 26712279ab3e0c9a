"""What `harness show` shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.results.pictured import PicturedCase, PicturedOutput
from tests.report.screens import screen, shown, shown_in_colour, without_colours

IMAGES = PicturedOutput(
    "images", "picture", "uint8 [1, 8, 8, 3]", ("the picture hides this change",),
    ("p/a-golden.png", "p/a-compared.png"), "p/a-compared.png",
)  # fmt: skip
SCORES = PicturedOutput("scores", "numbers", "float32 [2]", ("[0]: 1 -> 2",), ())
CASE = PicturedCase(
    "sd/a", "goldens/sd/a/cpu.safetensors", None, (IMAGES, SCORES), ("x: cannot\n::error::read",)
)


def test_the_whole_screen() -> None:
    assert shown(lambda one: one.show_pictures([CASE], inline=True)) == screen(
        """
        sd/a
          golden: goldens/sd/a/cpu.safetensors
          now: no run here
          warning: x: cannot ::error::read
          images  picture, uint8 [1, 8, 8, 3]
            the picture hides this change
            p/a-golden.png
            p/a-compared.png
          scores  numbers, float32 [2]
            [0]: 1 -> 2
        """
    )


def test_quiet_shows_only_what_failed() -> None:
    sound = PicturedCase("sd/b", None, "out/b", (IMAGES,))
    told = shown(lambda one: one.show_pictures([CASE, sound], inline=True), quiet=True)
    assert told == screen(
        """
        sd/a
          golden: goldens/sd/a/cpu.safetensors
          now: no run here
          warning: x: cannot ::error::read
        """
    )


def test_pictures_are_shown_in_a_terminal_that_can_unless_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"PNG")
    output = PicturedOutput("images", "picture", "about", (), (str(picture),), str(picture))
    case = PicturedCase("sd/a", "g", None, (output, SCORES))
    monkeypatch.setenv("TERM_PROGRAM", "iTerm.app")
    for name in ("TMUX", "STY", "KITTY_WINDOW_ID"):
        monkeypatch.delenv(name, raising=False)
    told = shown_in_colour(lambda one: one.show_pictures([case], inline=True))
    assert "\x1b]1337;File=inline=1;size=3;preserveAspectRatio=1:UE5H\x07\n" in told
    assert "1337" not in shown_in_colour(lambda one: one.show_pictures([case], inline=False))
    assert "1337" not in shown(lambda one: one.show_pictures([case], inline=True))
    assert "scores  numbers" in without_colours(told)
