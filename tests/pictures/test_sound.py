from __future__ import annotations

import numpy as np
import pytest

from harness.pictures.colours import BRIGHTER, DARKER, NOTHING
from harness.pictures.sound import SPECTRUM, WAVE, WIDTH, Sound, change_drawn, drawn, lag, sounds_of

RATE = 16000


def chirp(count: int = RATE) -> np.ndarray:
    time = np.arange(count) / RATE
    return 0.5 * np.sin(2 * np.pi * (200 + 900 * time) * time)


@pytest.mark.parametrize(
    ("shape", "items", "channels"),
    [((4096,), 1, 1), ((3, 4096), 3, 1), ((1, 2, 4096), 1, 2), ((1, 4096, 2), 1, 2)],
)
def test_items_and_channels(shape: tuple[int, ...], items: int, channels: int) -> None:
    found = sounds_of(np.zeros(shape, np.float32), "P", {})
    assert len(found) == items
    assert found[0].samples.shape == (channels, 4096)


@pytest.mark.parametrize(
    ("pipeline", "call", "rate"),
    [
        ("StableAudioPipeline", {}, 44100),
        ("AudioLDM2Pipeline", {}, 16000),
        ("Other", {}, 16000),
        ("Other", {"sampling_rate": 8000}, 8000),
    ],
)
def test_rate(pipeline: str, call: dict[str, object], rate: int) -> None:
    assert sounds_of(np.zeros(2048), pipeline, call)[0].rate == rate


def test_whole_numbers_are_scaled() -> None:
    assert sounds_of(np.full(2048, 32767, np.int16), "P", {})[0].samples.max() == 1


@pytest.mark.parametrize("shift", [1, -1, 250])
def test_a_shift_is_measured(shift: int) -> None:
    golden = Sound(chirp()[np.newaxis], RATE)
    now = Sound(np.roll(golden.samples, shift, 1), RATE)
    assert lag(golden, now) == shift


def test_no_shift_of_equal_or_unlike_sounds() -> None:
    golden = Sound(chirp()[np.newaxis], RATE)
    noise = Sound(np.random.default_rng(0).normal(size=(1, RATE)), RATE)
    assert lag(golden, golden) == 0
    assert lag(golden, noise) == 0
    assert lag(Sound(np.zeros((1, 2000)), RATE), Sound(np.zeros((1, 2000)), RATE)) == 0


def test_waveform_reaches_its_value() -> None:
    pixels = drawn(Sound(np.full((1, 4096), 0.5), RATE), 1.0)
    assert pixels.shape == (WAVE + SPECTRUM, WIDTH, 3)
    lit = np.flatnonzero((pixels[:WAVE, 5] != NOTHING).any(-1))
    assert lit.min() == round((WAVE - 1) / 2 * 0.5)


def test_spectrogram_shows_the_tone() -> None:
    tone = np.sin(2 * np.pi * 4000 * np.arange(RATE) / RATE)
    pixels = drawn(Sound(tone[np.newaxis], RATE), 1.0)[WAVE:].astype(int)
    assert abs(int(pixels[:, 10].sum(-1).argmax()) - SPECTRUM // 2) <= 1  # half of 8 kHz, in the middle


def test_difference_of_one_sample() -> None:
    golden = np.zeros((1, 4800))
    now = golden.copy()
    now[0, 2405], now[0, 15] = 0.01, -0.01
    ours, theirs = Sound(golden, RATE), Sound(now, RATE)
    faint, strong = (change_drawn(ours, theirs, 1.0, gain)[:WAVE] for gain in (1, 256))
    assert (strong == BRIGHTER).all(-1).any(0).nonzero()[0].tolist() == [240]
    assert (strong == DARKER).all(-1).any(0).nonzero()[0].tolist() == [1]
    assert (faint[:, 240] == BRIGHTER).all(-1).sum() <= 2 < (strong[:, 240] == BRIGHTER).all(-1).sum()


def test_part_stays_inside() -> None:
    sound = Sound(np.arange(1000.0)[np.newaxis], RATE)
    part, start = sound.part(3, 100)
    assert (start, part.samples[0, 0], part.samples.shape) == (0, 0, (1, 100))
    part, start = sound.part(990, 100)
    assert (start, part.samples[0, -1]) == (900, 999)
