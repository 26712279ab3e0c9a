"""What there is to see of a failure: the growth of its error from the traces, and pictures in the output folder."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.core.tolerance import Relation
from harness.golden.header import read_document
from harness.golden.store import GoldenStore
from harness.review.archive import Archive
from harness.review.judged import Folder, Judged, Packed
from harness.review.look import look_at
from harness.review.promote import Promotable
from tests.golden.builders import ACCEPTED, a_case
from tests.support.traces import Call, write_trace

CASE = a_case("ddim/two")


def calls(*moved: float) -> list[Call]:
    """One step of the scheduler for each number, its output moved by so much."""
    values = np.linspace(1, 2, 64, dtype=np.float32)
    return [
        Call("scheduler.step", {"sample": values}, {"out": values * np.float32(1 + one)}) for one in moved
    ]


@pytest.fixture
def one(tmp_path: Path) -> tuple[Promotable, Judged, GoldenStore]:
    store = GoldenStore(tmp_path / "goldens")
    write_trace(store.path(CASE.id, "cpu-x86_64"), calls(0, 0, 0), case=CASE, accepted=ACCEPTED)
    capture = write_trace(tmp_path / "out/captures/c.safetensors", calls(0, 1e-3, 0.3), case=CASE)
    result = CaseResult(CASE.id, Verdict.DRIFTED, "cpu-x86_64", Relation.SAME, "g", (), 1.0)
    judged = Judged("report.json", Report(None, (result,)), Folder(tmp_path / "out"))
    return Promotable(CASE, result, capture, read_document(capture)), judged, store


def test_the_error_grows_from_call_to_call(one: tuple[Promotable, Judged, GoldenStore]) -> None:
    look = look_at(*one)
    [row] = [row for row in look.stages if row.event == "scheduler.step"]
    assert row.differing == 1
    assert row.curve[0] == 0.0
    assert row.curve[1:] == pytest.approx((1e-3, 0.3), rel=1.0)
    assert look_at(*one, growth=False).stages == ()


def test_without_a_golden_there_is_nothing_to_grow(one: tuple[Promotable, Judged, GoldenStore]) -> None:
    promotable, judged, store = one
    store.path(CASE.id, "cpu-x86_64").write_bytes(b"damaged")
    assert look_at(promotable, judged, store).stages == ()


def test_its_pictures_and_sounds_are_named(
    one: tuple[Promotable, Judged, GoldenStore], tmp_path: Path
) -> None:
    for name in (
        "report-pictures/ddim/two/b.gif",
        "report-pictures/ddim/two/a.png",
        "report-pictures/ddim/two/words.txt",
        "report-pictures/two/x.png",
        "report.json",
    ):
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    folder = (tmp_path / "out/report-pictures/ddim/two").as_posix()
    assert look_at(*one).pictures == (f"{folder}/a.png", f"{folder}/b.gif")


def test_of_an_archive_no_picture_is_shown(
    one: tuple[Promotable, Judged, GoldenStore], tmp_path: Path
) -> None:
    promotable, judged, store = one
    path = tmp_path / "out.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("report.json", "{}")
    packed = replace(judged, captures=Packed(Archive(path, tmp_path)))
    look = look_at(promotable, packed, store)
    assert look.pictures == ()
    assert look.stages
