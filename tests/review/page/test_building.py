from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.results.explanation import Likelihood
from harness.core.results.verdict import FileDigest, Passing
from harness.golden.tensors import file_sha256
from harness.review.page.building import Where, review_of
from tests.support.files import edit
from tests.support.reviews import Sample, every_verdict, picture, run_calls

ONE = "sd/one", "cpu-x86_64"


def where(sample: Sample) -> Where:
    return Where(sample.out, sample.out / "report.html", sample.out / "report-pictures")


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    image = picture()
    traces = run_calls(), run_calls(kernel=1e-3)
    made.case("sd/one", {"images": image}, {"images": image + 1}, calls=traces, call={"prompt": "a seven"})
    made.case("sd/two", {"images": image}, {"images": image})
    return made


def test_a_failure_is_shown_with_all_that_is_known(sample: Sample) -> None:
    review = review_of(sample.report(), where(sample))
    assert [[one.case for one in group.results] for group in review.groups] == [["sd/one"]]
    found = review.cases[ONE]
    assert found.notes == ()
    assert [shown.output for shown in found.outputs] == ["images"]
    assert {row.event for row in found.growth} >= {"unet.forward", "scheduler.step"}
    assert [(one.change.what, one.likelihood) for one in found.suspects] == [
        ("software.packages.torch", Likelihood.POSSIBLE)
    ]
    assert dict(found.asked) == {
        "model": "builtin:sd-digits",
        "seed": "0",
        "steps": "12",
        "generator": "cpu",
        "prompt": "a seven",
    }


def test_known_growth_is_not_read_again(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.review.page.building.timeline", None)
    found = review_of(sample.report(), where(sample), growths={"sd/one": ()})
    assert found.cases[ONE].growth == ()


def test_a_case_of_two_platforms_is_shown_for_each(sample: Sample) -> None:
    first = sample.results[0]
    assert first.capture is not None
    other = sample.out / "elsewhere.safetensors"
    other.write_bytes(Path(first.capture.path).read_bytes())
    edit(other, "output/images", lambda values: values + 5)
    capture = FileDigest(other.as_posix(), file_sha256(other))
    second = replace(first, platform="cuda-sm90", capture=capture)
    review = review_of(replace(sample.report(), cases=(first, second)), where(sample))
    assert list(review.cases) == [ONE, ("sd/one", "cuda-sm90")]
    assert [found.notes for found in review.cases.values()] == [(), ()]
    paths = [found.outputs[0].files[0].path for found in review.cases.values()]
    assert paths == [
        f"report-pictures/sd/one/{name}/images-golden.png" for name in ("cpu-x86_64", "cuda-sm90")
    ]
    assert review.others == ()


def test_captures_may_have_been_moved(sample: Sample, tmp_path: Path) -> None:
    sample.out.rename(tmp_path / "artifact")
    moved = Where(tmp_path / "artifact", tmp_path / "page.html", tmp_path / "page-pictures")
    found = review_of(sample.report(), moved).cases[ONE]
    assert found.notes == ()
    assert found.outputs[0].files[0].path == "page-pictures/sd/one/images-golden.png"


def test_another_golden_is_not_shown(sample: Sample) -> None:
    golden = Path(sample.results[0].golden or "")
    edit(golden, "output/images", lambda values: values + 1)
    found = review_of(sample.report(), where(sample)).cases[ONE]
    assert found.notes == (f"{golden}: the golden has changed since it was judged, so it is not shown",)
    assert found.outputs[0].golden is None
    assert found.outputs[0].now is not None


def test_a_file_that_is_gone_is_noted(sample: Sample) -> None:
    capture = sample.out / "captures/sd/one/capture.safetensors"
    capture.unlink()
    found = review_of(sample.report(), where(sample)).cases[ONE]
    assert found.notes == (f"{capture}: the capture is not there, so it is not shown",)
    assert found.growth == ()
    assert found.suspects


def test_a_case_of_a_foreign_report_stays_in_its_folder(sample: Sample, tmp_path: Path) -> None:
    hostile = replace(sample.results[0], case="../../outside")
    review = review_of(replace(sample.report(), cases=(hostile,)), where(sample))
    assert review.cases["../../outside", "cpu-x86_64"].outputs
    assert (sample.out / "report-pictures/outside/images-golden.png").is_file()
    assert not (tmp_path / "outside").exists()


def test_what_passes_on_request_needs_no_decision(tmp_path: Path) -> None:
    made = every_verdict(tmp_path)
    strict = review_of(made.report(passing=Passing(strict=True)), where(made))
    allowed = review_of(made.report(passing=Passing(allow_missing=True)), where(made))
    assert "gpu/only" in {one.case for one in strict.others} ^ {one.case for one in strict.report.cases}
    assert {"gpu/only", "new/unrecorded"} <= {one.case for one in allowed.others}


def test_every_kind_of_output_is_shown(tmp_path: Path) -> None:
    made = every_verdict(tmp_path)
    review = review_of(made.report(), where(made))
    kinds = {
        name: found.outputs[0].kind for (name, _platform), found in review.cases.items() if found.outputs
    }
    assert kinds == {
        **{f"sd/prompts@seed={number}": "picture" for number in range(3)},
        "picture/one-pixel": "picture",
        "video/swapped": "video",
        "audio/shifted": "audio",
        "text/one-word": "text",
        "latents/nan": "latents",
        "map/embeds": "map",
        "numbers/nsfw": "numbers",
        "stale/steps": "picture",
        "new/unrecorded": "picture",
        "raised/shape": "picture",
    }
    assert all(not found.notes for found in review.cases.values())


def test_an_output_that_cannot_be_drawn_costs_no_other(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> None:
        raise MemoryError("too much")

    monkeypatch.setattr("harness.review.page.building.drawing_of", fail)
    found = review_of(sample.report(), where(sample)).cases[ONE]
    assert found.notes == ("images: cannot be shown (too much)",)
    assert found.growth


def test_many_outputs_are_counted(tmp_path: Path) -> None:
    made = Sample(tmp_path)
    golden = {f"images.{number}": picture(32, 32 + number) for number in range(11)}
    made.case("many", golden, {**golden, "images.9": picture(32, 41) + 1})
    found = review_of(made.report(), where(made)).cases["many", "cpu-x86_64"]
    assert len(found.outputs) == 8
    assert found.outputs[0].output == "images.9"
    assert found.notes == ("3 of 11 outputs are not shown",)


def test_a_calibration_shows_what_rounding_does(sample: Sample) -> None:
    sample.calibrate("sd/one")
    found = review_of(sample.report(), where(sample)).cases[ONE]
    assert found.notes == ()
    assert found.envelope["images"]["rel_l2"] == 4e-6
    assert [one.event for one in found.benign] == ["scheduler.step", "unet.forward"]
    # Three times the measured growth: the factor of the calibration.
    assert found.benign[0].curve[-1] == pytest.approx(3 * 12 * 4e-7)
