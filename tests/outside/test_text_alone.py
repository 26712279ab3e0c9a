"""A pipeline of the user's own that calls none of its components and returns text: recorded, judged, explained."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.support.project import Project
from tests.support.starts.client import LATE

PIPELINE = """
import os
from dataclasses import dataclass

from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput


@dataclass
class Texts(BaseOutput):
    texts: list[str]


class Captioner(DiffusionPipeline):
    def __init__(self, unet, scheduler):
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)

    def __call__(self, image, prompt):
        spelling = prompt.replace("v", os.environ.get("LETTER", "v"))
        return Texts([f"{spelling}, {image.size[0]} x {image.size[1]}", ""])
"""
CONFIG = """
pipeline: ./mine.py:Captioner
model: {id: "builtin:ddpm-digits"}
generator: none
call: {prompt: seven, image: {$file: seven.png}}
tolerance: {same: exact}
"""


def test_text_alone_is_recorded_verified_and_explained(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.config("words", CONFIG)
    (tmp_path / "configs" / "mine.py").write_text(PIPELINE)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    picture = Image.new("RGBA", (3, 5), (7, 7, 7, 255))
    picture.putpixel((1, 1), (7, 7, 7, 0))
    picture.save(tmp_path / "configs" / "seven.png", exif=exif)

    recorded = project.harness("record")
    assert recorded.code == 0, recorded.out
    assert "the remaining colours are constant" in " ".join(recorded.out.split())
    again = project.harness("verify")
    assert (again.code, project.verdicts()) == (0, {"words": "identical"}), again.out
    [case] = project.report()["cases"]
    assert [tensor["name"] for tensor in case["tensors"]] == ["texts.0", "texts.1"]
    assert "the alpha channel is dropped" in case["warnings"][0]

    drifted = project.with_variables(LETTER="w", **{LATE: "LETTER"})
    assert (drifted.harness("verify").code, project.verdicts()) == (1, {"words": "drifted"})
    [case] = project.report()["cases"]
    assert "'ven, 5 x 3' in the golden, now 'wen, 5 x 3'" in case["reason"]
    explained = drifted.harness("explain", "words")
    assert explained.code == 1
    assert "the pipeline's output (texts.0)" in " ".join(explained.out.split())
