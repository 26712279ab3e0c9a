"""The words of the reasons of record, accept, repeat, calibrate and sensitivity."""

from __future__ import annotations

import pytest

from harness.core.results import measure_reasons as of
from harness.report.measure_words import measure_words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (of.RunFailed(2, "ValueError: bad", raised=True), "run 2 raised ValueError: bad"),
        (of.RunFailed(3, "killed", raised=False), "run 3: killed"),
        (of.BaseRunFailed("variation", "E: a", raised=True), "the unvaried run failed: raised E: a"),
        (of.BaseRunFailed("variation", "killed", raised=False), "the unvaried run failed: killed"),
        (of.BaseRunFailed("fault", "E: a", raised=True), "the run without a fault raised E: a"),
        (
            of.RunsDiffer(("numpy", "torch")),
            "two runs in fresh processes gave different bits, so nothing was stored; "
            "the pipeline drew from the global generators of numpy, torch",
        ),
        (of.RunsDiffer(()), "two runs in fresh processes gave different bits, so nothing was stored"),
        (of.DifferenceAllowed(("a", "b")), "differs from run to run in a, b, which the case allows"),
        (of.RecordedAgain(()), "the same bits, recorded again"),
        (
            of.RecordedAgain(("trace", "weights")),
            "the same bits, recorded again with a different trace and different weights",
        ),
        (
            of.CaptureChanged("out/a", "capture", missing=True),
            "out/a: no such file; the capture that was judged is gone",
        ),
        (
            of.CaptureChanged("out/a", "capture"),
            "out/a: is not the capture that the last verify judged",
        ),
        (of.CaptureChanged("g", "golden"), "g: is not the golden that the last verify compared with"),
        (of.NoDraft(), "no draft of this case waits"),
        (of.DraftOutdated("d"), "d: is outdated, since the golden has changed after it was made"),
        (of.DraftReplaced(), "an older draft that waited was replaced"),
        (of.OtherDefinition("g"), "g: was recorded from a different definition of this case"),
        (of.OtherDefinition(None), "the capture was made from a different definition of this case"),
        (
            of.TooFewCaught(3, 4, 0.9),
            "3 of 4 faults caught in same-hardware, 75.0%; min_sensitivity is 90.0%",
        ),
        (of.NothingMeasured(("a", "b")), "no benign variation could be measured: a; b"),
        (
            of.OutputJudgesNothing("images", 3072),
            "images: all 3,072 values are NaN or Inf; such a golden judges nothing",
        ),
    ],
)
def test_words(reason: object, words: str) -> None:
    assert measure_words(reason) == words


def test_what_is_no_reason_has_no_words() -> None:
    with pytest.raises(TypeError, match="no words for this kind of reason"):
        measure_words("text")
