"""Encodes pixels and samples as the bytes of files; Pillow is loaded only when it is needed."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.pictures.colours import Pixels

if TYPE_CHECKING:
    from PIL.Image import Image


_EFFORT = 4  # of zlib: 6 takes twice the time for a few percent


def image(pixels: Pixels) -> Image:
    """The pixels as an image of Pillow."""
    from PIL import Image as pillow

    return pillow.fromarray(np.ascontiguousarray(pixels), "RGB")


def png(pixels: Pixels) -> bytes:
    """A PNG file, as a palette if the pixels have at most 256 colours: less than half the size."""
    if image(pixels).getcolors(256) is None:
        return _saved(image(pixels), "PNG", compress_level=_EFFORT)
    packed = pixels[..., 0].astype(np.int32) << 16 | pixels[..., 1].astype(np.int32) << 8 | pixels[..., 2]
    colours = np.unique(packed)
    from PIL import Image as pillow

    indexed = pillow.fromarray(np.searchsorted(colours, packed).astype(np.uint8), "P")
    indexed.putpalette([part for code in colours for part in (code >> 16, code >> 8 & 255, code & 255)])
    return _saved(indexed, "PNG", compress_level=_EFFORT)


def webp(pixels: Pixels, most: int) -> tuple[bytes, str]:
    """A file of at most about `most` bytes with its media type: exact as PNG or WebP if that is enough, else lossy."""
    exact = png(pixels)
    if len(exact) <= most:
        return exact, "image/png"
    # The effort that is asked for here decides the time, and hardly the size.
    smaller = _saved(image(pixels), "WEBP", lossless=True, method=1, quality=20)
    if len(smaller) <= most:
        return smaller, "image/webp"
    return _saved(image(pixels), "WEBP", quality=90), "image/webp"


def reduced(pixels: Pixels, block: int) -> Pixels:
    """Every `block` x `block` pixels as their mean; the last ones of a row or column may be fewer."""
    return pixels if block == 1 else np.asarray(image(pixels).reduce(block))


def gif(frames: Iterable[Pixels], fps: float) -> bytes:
    """An animated GIF that repeats; its 256 colours a frame are not exact."""
    from PIL import Image as pillow

    pictures = [image(frame).quantize(256, dither=pillow.Dither.NONE) for frame in frames]
    first, *others = pictures
    return _saved(
        first, "GIF", save_all=True, append_images=others, duration=round(1000 / fps), loop=0, disposal=1
    )


def mp4(path: Path, frames: Iterator[Pixels], fps: float) -> bool:
    """Write an MP4 file to `path`; False, and nothing is written, where imageio's ffmpeg is not installed."""
    try:
        import imageio.v2 as imageio
        import imageio_ffmpeg  # noqa: F401
    except ImportError:
        return False
    partial = path.with_name(f"{path.stem}.tmp{path.suffix}")
    try:
        with imageio.get_writer(partial, format="FFMPEG", fps=fps, macro_block_size=1, quality=9) as writer:
            for frame in frames:
                writer.append_data(_even(frame))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return True


def wav(samples: npt.NDArray[Any], rate: int) -> bytes:
    """A 16 bit WAV file of samples (channels, count) in [-1, 1]; others are clipped, NaN is silent."""
    clipped = np.clip(np.nan_to_num(samples.astype(np.float64)), -1, 1)
    data = (clipped * 32767).round().astype("<i2").T.tobytes()
    channels = len(samples)
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def _even(frame: Pixels) -> Pixels:
    """H.264 codes colours for two by two pixels: odd sides get one more row or column."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _saved(picture: Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()
