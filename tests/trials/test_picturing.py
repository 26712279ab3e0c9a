"""The files that show a case: what is drawn, what cannot be, and where it goes."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.core.results.verdict import CaseResult, FileDigest, Verdict
from harness.errors import UsageError
from harness.golden.tensors import file_sha256
from harness.trials.picturing import golden_panel, pictured, pictured_result
from tests.golden.builders import ACCEPTED, write_capture
from tests.pictures.samples import one_level, ramp


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    golden, capture = tmp_path / "golden.safetensors", tmp_path / "out/captures/a/capture.safetensors"
    numbers = np.array([1.0, 2.0], np.float32)
    write_capture(golden, {"images": ramp(), "scores": numbers}, accepted=ACCEPTED)
    capture.parent.mkdir(parents=True)
    write_capture(capture, {"images": one_level(ramp()), "scores": numbers + 1})
    return golden, capture


def test_golden_run_and_difference_of_every_output(files: tuple[Path, Path], tmp_path: Path) -> None:
    found = pictured("sd/a", *files, tmp_path / "p")
    assert (found.golden, found.capture, found.problems) == (*map(str, files), ())
    images, scores = found.outputs
    assert (images.output, images.kind, images.about) == ("images", "picture", "uint8 [1, 128, 160, 3]")
    names = [Path(file).name for file in images.files]
    assert names[:2] == ["images-golden.png", "images-now.png"]
    assert images.compared == (tmp_path / "p/sd/a/images-compared.png").as_posix() == images.files[-1]
    golden, now = (np.asarray(Image.open(file).convert("RGB")) for file in images.files[:2])
    assert (golden == ramp()[0]).all()
    assert (now == one_level(ramp())[0]).all()
    assert Image.open(io.BytesIO(Path(images.compared).read_bytes())).format == "PNG"
    assert (scores.kind, scores.files, scores.compared) == ("numbers", (), None)
    assert scores.notes == ("[0]: 1 -> 2", "[1]: 2 -> 3")


def test_one_side_alone_is_drawn_too(files: tuple[Path, Path], tmp_path: Path) -> None:
    found = pictured("a", files[0], None, tmp_path / "p")
    assert found.capture is None
    assert [Path(file).name for file in found.outputs[0].files] == [
        "images-golden.png",
        "images-compared.png",
    ]


def test_a_file_that_cannot_be_read_is_a_problem_and_the_other_is_drawn(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    files[0].write_bytes(b"version https://git-lfs.github.com/spec/v1")
    found = pictured("a", *files, tmp_path / "p")
    [problem] = found.problems
    assert problem.startswith(str(files[0]))
    assert [Path(file).name for file in found.outputs[0].files] == ["images-now.png", "images-compared.png"]


@pytest.mark.parametrize("case", ["../a", "/a", "a//b", "a/../../b", "", "a\0b"])
def test_nothing_is_drawn_outside_of_the_folder(files: tuple[Path, Path], tmp_path: Path, case: str) -> None:
    with pytest.raises(UsageError, match="leads out of the folder"):
        pictured(case, *files, tmp_path / "p")


def judged(files: tuple[Path, Path]) -> CaseResult:
    capture = FileDigest("elsewhere/capture.safetensors", file_sha256(files[1]))
    result = CaseResult("a", Verdict.DRIFTED, "cpu-x86_64", None, str(files[0]), (), 1.0, capture=capture)
    return replace(result, golden_sha256=file_sha256(files[0]))


def test_a_result_is_drawn_from_the_files_that_judged_it(files: tuple[Path, Path], tmp_path: Path) -> None:
    found = pictured_result(judged(files), [tmp_path / "out"], tmp_path / "p")
    assert (found.golden, found.capture, found.problems) == (*map(str, files), ())
    assert len(found.outputs) == 2


@pytest.mark.parametrize("side", [0, 1])
def test_what_changed_since_is_not_drawn(files: tuple[Path, Path], tmp_path: Path, side: int) -> None:
    result = judged(files)
    write_capture(files[side], {"images": ramp() + 1}, accepted=ACCEPTED)
    found = pictured_result(result, [tmp_path / "out"], tmp_path / "p")
    [problem] = found.problems
    assert problem.endswith("is gone or has changed since it was judged, so it is not drawn")
    assert (found.golden, found.capture)[side] is None
    assert (found.golden, found.capture)[1 - side] == str(files[1 - side])


def test_a_panel_shows_the_first_output_with_a_picture(files: tuple[Path, Path], tmp_path: Path) -> None:
    panel = golden_panel("sd/a", files[0])
    assert (panel.caption, panel.about) == ("sd/a", "picture")
    assert panel.pixels is not None
    assert (panel.pixels == ramp()[0]).all()
    other = tmp_path / "other.safetensors"
    write_capture(other, {"scores": np.zeros(2, np.float32)}, accepted=ACCEPTED)
    assert (golden_panel("b", other).about, golden_panel("b", other).pixels) == ("no picture: numbers", None)
    other.write_bytes(b"")
    assert golden_panel("b", other).about.startswith("cannot be drawn: ")


def test_a_case_of_several_platforms_has_a_folder_for_each_which_leads_nowhere(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    pictured_result(judged(files), [tmp_path / "out"], tmp_path / "p", by_platform=True)
    assert (tmp_path / "p/cpu-x86_64/a/images-compared.png").is_file()
    with pytest.raises(UsageError, match="leads out of the folder"):
        pictured_result(
            replace(judged(files), platform="../q"), [tmp_path / "out"], tmp_path / "p", by_platform=True
        )
