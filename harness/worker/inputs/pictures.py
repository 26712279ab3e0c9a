"""Images and videos as PIL images, read like diffusers' `load_image`, and warnings about dropped content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, ImageSequence

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
FRAMES_SUFFIX = ".gif"

_KEPT_MODES = ("RGB", "L", "I;16", "I", "F")
_ANIMATED = ("PNG", "WEBP", "TIFF")


def picture(path: Path) -> Image.Image:
    """A PIL image, rotated as its EXIF orientation says.

    Grey, 16-bit and float images keep their mode (masks, depth); all others become RGB. An alpha channel is
    dropped, not composited onto a background.
    """
    with Image.open(path) as image:
        image.load()
        turned = ImageOps.exif_transpose(image)
        return turned if turned.mode in _KEPT_MODES else turned.convert("RGB")


def frames(path: Path) -> list[Image.Image]:
    """The frames of an animation, RGB."""
    with Image.open(path) as image:
        return [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]


def film(path: Path) -> list[Image.Image]:
    """The frames of a video, RGB; raises ValueError if no reader is installed."""
    try:
        import imageio.v3 as imageio
    except ImportError as error:
        raise ValueError("it needs imageio: pip install imageio imageio-ffmpeg") from error
    return [Image.fromarray(frame) for frame in imageio.imiter(path)]


def lost(files: Iterable[tuple[str, Path]]) -> tuple[str, ...]:
    """Warnings about content that reading drops from the images among the files, and what to do about it."""
    return tuple(
        f"{name}: {what}"
        for name, path in files
        if path.suffix.lower() in (*PICTURE_SUFFIXES, FRAMES_SUFFIX)
        for what in _lost_of(path)
    )


def _lost_of(path: Path) -> Iterator[str]:
    with Image.open(path) as image:
        count = getattr(image, "n_frames", 1)
        is_picture = path.suffix.lower() != FRAMES_SUFFIX
        if is_picture and count > 1 and image.format in _ANIMATED:
            yield f"has {count} images, and only the first is used; save the others as separate files"
        read = [image] if is_picture else ImageSequence.Iterator(image)
        if any(_only_alpha_varies(one) for one in read):
            yield (
                "the alpha channel is dropped, and the remaining colours are constant; save the alpha channel as a "
                "grey image, or composite it onto a background"
            )


def _only_alpha_varies(image: Image.Image) -> bool:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return False
    pixels = np.asarray(image.convert("RGBA")).reshape(-1, 4)
    *colours, alpha = (pixels != pixels[0]).any(axis=0)
    return bool(alpha) and not any(colours)
