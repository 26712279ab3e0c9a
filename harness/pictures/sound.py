"""Draws sound: the waveform and the spectrogram of samples, the difference of two, and how far one lags the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.core.case import Values
from harness.pictures.colours import BRIGHTER, DARKER, NOTHING, Pixels, painted, signed

RATES = {"StableAudio": 44100, "AudioDiffusion": 22050, "AudioLDM": 16000, "MusicLDM": 16000}
"""Samples a second by the beginning of a pipeline's name; outputs do not say it."""

DEFAULT_RATE = 16000

WIDTH, WAVE, SPECTRUM = 480, 96, 128
"""The size of a drawing in pixels: its width, and the heights of the waveform and of the spectrogram."""

_WINDOW = 512
_FLOOR = -80.0  # decibels below the loudest: not heard
_LAGS = 4096
_CLEAR = 0.98  # the correlation from which on two sounds are the same, shifted

_Samples = npt.NDArray[np.float64]
_LINE = (120, 200, 160)


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples (channels, count) of one item, in [-1, 1] where the pipeline keeps to that, at `rate` per second."""

    samples: _Samples
    rate: int

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return float(self.samples.shape[-1] / self.rate)

    def part(self, middle: int, most: int) -> tuple[Sound, int]:
        """At most `most` samples around the one at `middle`, and where they begin."""
        start = max(0, min(middle - most // 2, self.samples.shape[-1] - most))
        return Sound(self.samples[:, start : start + most], self.rate), start


def sounds_of(values: npt.NDArray[Any], pipeline: str, call: Values) -> tuple[Sound, ...]:
    """The items of an audio output: (samples), (batch, samples), (batch, channels, samples) or channels last."""
    rate = next((rate for name, rate in RATES.items() if pipeline.startswith(name)), DEFAULT_RATE)
    given = call.get("sampling_rate") or call.get("sample_rate")
    rate = given if isinstance(given, int) and given > 0 else rate
    scaled = values.astype(np.float64)
    if values.dtype.kind in "iu":
        scaled /= np.iinfo(values.dtype).max
    if values.ndim == 1:
        return (Sound(scaled[np.newaxis], rate),)
    if values.ndim == 2:
        return tuple(Sound(item[np.newaxis], rate) for item in scaled)
    items = scaled if values.shape[1] <= values.shape[2] else np.swapaxes(scaled, 1, 2)
    return tuple(Sound(item, rate) for item in items)


def drawn(sound: Sound, peak: float) -> Pixels:
    """Waveform above spectrogram; `peak` is the value at the edge of the waveform."""
    return np.concatenate([_waveform(sound.samples, peak), _spectrogram_picture(sound)])


def change_drawn(golden: Sound, now: Sound, peak: float, gain: int) -> Pixels:
    """The difference of two sounds of one length: its waveform, `gain` times as high, and that of the spectrograms."""
    wave = _waveform(now.samples - golden.samples, peak / gain, signs=True)
    change = _fitted(_decibels(now) - _decibels(golden))
    return np.concatenate([wave, signed(change, -_FLOOR / gain)])


def lag(golden: Sound, now: Sound) -> int:
    """By how many samples the run lags the golden (negative: leads), 0 unless a shift makes them clearly alike."""
    ours, theirs = (one.samples.mean(0) for one in (golden, now))
    count = min(len(ours), len(theirs))
    ours, theirs = np.nan_to_num(ours[:count]), np.nan_to_num(theirs[:count])
    size = 1 << (2 * count - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(theirs, size) * np.conj(np.fft.rfft(ours, size)), size)
    most = min(_LAGS, count // 4)
    near = np.concatenate([product[-most:] if most else product[:0], product[: most + 1]])
    found = int(near.argmax()) - most
    left, right = (theirs[found:], ours[: count - found]) if found >= 0 else (theirs[:found], ours[-found:])
    norms = float(np.linalg.norm(left) * np.linalg.norm(right))
    return found if found and norms and float(left @ right) / norms >= _CLEAR else 0


def _waveform(samples: _Samples, peak: float, *, signs: bool = False) -> Pixels:
    """The smallest and largest sample of each column, the channels over each other."""
    pixels = np.full((WAVE, WIDTH, 3), NOTHING, np.uint8)
    middle = (WAVE - 1) / 2
    pixels[round(middle)] = (60, 64, 72)
    known = np.nan_to_num(samples)
    edges = np.linspace(0, samples.shape[-1], WIDTH + 1).astype(int)
    for column, (start, stop) in enumerate(zip(edges, np.maximum(edges[1:], edges[:-1] + 1), strict=False)):
        # From the sample before, so that the line is not torn where a sample is wider than a column.
        part = known[:, start if signs else max(0, start - 1) : stop]
        low, high = (min(max(float(edge) / peak, -1), 1) * middle for edge in (part.min(), part.max()))
        top, bottom = round(middle - high), round(middle - low)
        if not signs:
            pixels[top : bottom + 1, column] = _LINE
        if signs and high > 0:
            pixels[top : round(middle) + 1, column] = BRIGHTER
        if signs and low < 0:
            pixels[round(middle) : bottom + 1, column] = DARKER
    return pixels


def _spectrogram_picture(sound: Sound) -> Pixels:
    levels = (1 - _fitted(_decibels(sound)) / _FLOOR) * 255
    return painted(levels[..., np.newaxis], heat=True)


def _decibels(sound: Sound) -> npt.NDArray[np.float64]:
    """(frequencies, times) in decibels against a full-scale sine, from _FLOOR to 0, the highest frequency first."""
    mono = np.nan_to_num(sound.samples.mean(0))
    mono = np.pad(mono, (0, max(0, _WINDOW - len(mono))))
    hop = max(1, (len(mono) - _WINDOW) // WIDTH)
    windows = np.lib.stride_tricks.sliding_window_view(mono, _WINDOW)[::hop]
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW))) / (_WINDOW / 4)
    decibels = 20 * np.log10(np.maximum(spectrum, 1e-9))
    return np.asarray(np.clip(decibels, _FLOOR, 0).T[::-1])


def _fitted(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """To the size of the spectrogram's picture, by the nearest value."""
    rows = np.linspace(0, values.shape[0] - 1, SPECTRUM).round().astype(int)
    columns = np.linspace(0, values.shape[1] - 1, WIDTH).round().astype(int)
    return np.asarray(values[np.ix_(rows, columns)])
