from __future__ import annotations

import numpy as np
import pytest

from harness.pictures import drawing as module
from harness.pictures.colours import BRIGHTER, NOTHING
from harness.pictures.difference import Box
from harness.pictures.drawing import Number, drawing_of
from harness.pictures.kinds import Asked, Kind
from harness.pictures.outputs import Output
from harness.pictures.wording import Piece
from tests.pictures.samples import drawn, one_level, output, ramp, text


def test_one_grey_level_in_one_pixel_can_be_seen() -> None:
    found = drawn(ramp(), one_level(ramp()))
    assert (found.kind, found.about) == (Kind.PICTURE, "uint8 [1, 128, 160, 3]")
    assert [view.name for view in found.changes()] == ["x1", "x16", "x256", "anywhere"]
    assert tuple(found.changes()[2].pixels[40, 100]) == BRIGHTER
    assert found.changes(block=8)[2].pixels.shape == (16, 20, 3)
    assert found.boxes() == (Box(100, 40, 1, 1),)
    assert found.notes == ()


def test_equal_pictures_have_no_difference() -> None:
    found = drawn(ramp(), ramp())
    assert (found.changes(), found.boxes(), found.difference) == ((), (), None)


def test_a_hidden_change_is_announced() -> None:
    golden = ramp().astype(np.float32) / 255
    found = drawn(golden, golden + np.float32(1e-3))
    (note,) = found.notes
    assert note.startswith("the picture hides this change: it differs by at most 0.26")
    assert note.endswith("of a grey level; look at the numbers")


def test_latents_are_a_grid_of_channels() -> None:
    golden = np.random.default_rng(0).normal(size=(1, 4, 8, 8)).astype(np.float32)
    now = golden.copy()
    now[0, 3, 7, 7] = np.nan
    found = drawn(golden, now, output_type="latent")
    assert found.about == "float32 [1, 4, 8, 8], 4 channels side by side"
    assert found.legend == f"colours: {golden.min():.3g} to {golden.max():.3g}"
    assert found.notes == ("elements that the picture cannot show: NaN 0 -> 1",)
    assert found.golden is not None
    assert found.golden[8].tolist() == [list(NOTHING)] * 17


def test_a_swapped_frame_is_named() -> None:
    golden = np.stack([np.full((16, 16, 3), 20 * place, np.uint8) for place in range(6)])
    found = drawn(golden, golden[[0, 1, 2, 4, 3, 5]], "frames")
    assert found.kind is Kind.VIDEO
    assert found.notes == ("frames changed places, counted from 0: 3 is the golden's 4, 4 is the golden's 3",)
    assert found.golden is not None
    assert found.golden[0, 0].tolist() == [60, 60, 60]


def test_a_changed_frame_is_counted() -> None:
    golden = np.zeros((4, 16, 16, 3), np.uint8)
    now = golden.copy()
    now[2] = 9
    assert drawn(golden, now, "frames").notes == (
        "1 of 4 frames differ; frame 2, counted from 0, differs most and is shown",
    )


def test_sound_that_lags_by_a_sample() -> None:
    time = np.arange(8000) / 16000
    golden = np.sin(2 * np.pi * (200 + 900 * time) * time)[np.newaxis]
    found = drawn(golden, np.roll(golden, 1, 1), "audios", "AudioLDMPipeline")
    assert found.notes == ("the run lags the golden by 1 sample",)
    assert found.about == "float64 [1, 8000], 0.5 s at 16 kHz"
    assert [view.name for view in found.changes()] == ["x1", "x16", "x256"]
    assert found.changes()[1].legend == "edge of the waveform: 0.0625; full colour: 5 dB"


def test_the_sound_that_changed_most_is_shown() -> None:
    golden = np.zeros((3, 4000), np.float32)
    now = golden.copy()
    now[1, 5] = 0.5
    found = drawn(golden, now, "audios").sounds
    assert found is not None
    assert (found.item, found.items, found.worst, found.peak) == (1, 3, 5, 1.0)


def test_sounds_of_other_length() -> None:
    found = drawn(np.zeros((1, 4000)), np.zeros((1, 3000)), "audios")
    assert found.notes == ("the lengths differ, so there is no picture of the difference",)
    assert found.changes() == ()


def test_text_is_compared_by_words() -> None:
    found = drawing_of("text", text("one two"), text("one three"), Asked())
    assert found.pieces == (Piece("both", "one "), Piece("golden", "two"), Piece("now", "three"))
    assert (found.kind, found.about) == (Kind.TEXT, "text")


def test_small_outputs_are_numbers() -> None:
    found = drawn(np.array([True, False]), np.array([True, True]), "nsfw")
    assert found.numbers == (Number((0,), 1, 1), Number((1,), 0, 1))
    assert drawn(np.float32(2), None, "x").numbers == (Number((), 2, None),)


@pytest.mark.parametrize(("golden", "now"), [(None, ramp()), (ramp(), None)])
def test_one_side_alone(golden: np.ndarray | None, now: np.ndarray | None) -> None:
    found = drawn(golden, now)
    assert (found.golden is None, found.now is None) == (golden is None, now is None)
    assert found.changes() == ()


def test_other_shapes_are_both_shown() -> None:
    found = drawn(ramp(), ramp(64, 64))
    assert found.about == "uint8 [1, 128, 160, 3] -> uint8 [1, 64, 64, 3]"
    assert found.notes == ("the shapes differ, so there is no picture of the difference",)
    assert found.now is not None
    assert found.now.shape == (64, 64, 3)


def test_what_is_too_large_says_so() -> None:
    large = Output("images", "float32", (1, 4096, 4096, 3))
    found = drawing_of("images", large, output(ramp()), Asked())
    assert found.notes == ("too large to be drawn: more than 1 GiB",)


def test_no_side_at_all() -> None:
    with pytest.raises(ValueError, match="images: neither side"):
        module.drawing_of("images", None, None, Asked())


def test_only_measured_values_have_false_colours() -> None:
    picture = drawn(np.full((1, 16, 16, 1), 90, np.uint8), None).golden
    assert picture is not None
    assert picture[0, 0].tolist() == [90, 90, 90]
    ramp_of_values = np.linspace(0, 1, 256, dtype=np.float32).reshape(1, 16, 16, 1)
    depth = drawn(ramp_of_values, None, "depth").golden
    assert depth is not None
    assert len({*depth[8, 8].tolist()}) > 1


def test_a_sound_on_one_side_alone() -> None:
    for golden, now in ((np.zeros((1, 4000)), None), (None, np.zeros((1, 4000)))):
        found = drawn(golden, now, "audios")
        assert (found.golden is None, found.now is None) == (golden is None, now is None)
        assert (found.notes, found.changes()) == ((), ())


@pytest.mark.parametrize(("change", "hidden"), [(1e-6, True), (1e-3, False), (0.0, False)])
def test_a_change_that_no_waveform_shows_is_announced(change: float, hidden: bool) -> None:
    golden = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 4000))
    now = golden.copy()
    now[0, 7] += change
    note = "the picture hides this change: no sample differs by more than 1e-06; look at the numbers"
    assert drawn(golden, now, "audios").notes == ((note,) if hidden else ())
