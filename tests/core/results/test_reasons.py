from __future__ import annotations

from dataclasses import fields
from typing import get_args

import pytest

from harness.codec import from_json, to_json
from harness.core.environment import Change
from harness.core.results import measure_reasons as more
from harness.core.results import reasons as of
from harness.core.results.verdict import TensorResult, Verdict

EXAMPLES: tuple[of.Reason, ...] = (
    of.Message("no network"),
    of.PipelineRaised("ValueError: bad", "forced"),
    of.MissingName("NewPipeline", "diffusers 0.30.3 has no such class"),
    of.OtherDevice("cpu", ("cuda", "mps")),
    of.NoCompiler("No working C++ compiler"),
    of.UnreadableFile("a.safetensors: is empty (0 bytes)"),
    of.OtherCapture("out/a.safetensors", "sd/b"),
    of.UnfitCapture("out/a.safetensors", ("it holds a forced replay",)),
    of.NoGolden("cuda-sm90", ("cpu-x86_64",)),
    of.RelationRefused("goldens/a", "H200", "cuda", "cross-hardware"),
    of.ExpectationsAlone(of.NoGolden("cpu-x86_64")),
    of.DefinitionChanged("a", (Change("steps", "2", None),)),
    of.WeightsChanged((Change("unet", "a" * 64, "b" * 64),), None, (of.FileChange("x", "c" * 64, None),)),
    of.UnusableCalibration("a.json: no such file", damaged=False, newer=False),
    of.LimitCannotFail("images", "uint8", {"max_abs": 300.0}, {"max_abs": 255.0}),
    of.NothingToCompare("a"),
    of.ComparedInPart("goldens/a", ("the golden has no trace",), "identical"),
    of.OutputDiffers("images", "float32 [2]", "missing"),
    of.TextDiffers("answer", 3, "seven", ""),
    of.NotFinite("images", 1, 0, 2, (0, 5)),
    of.LimitsExceeded("images", (of.Reading("max_abs", 0.5, 0.1),)),
    of.NotBitwise("images", (of.reading("rel_l2", float("inf")),)),
    of.ExactDiffers("unet.forward.calls", "2", "3"),
    of.MoreExactFindings(4),
    of.ExpectationUnmet("images", "sum", of.Reading("sum", 7.0), 8.0, 0.1),
    of.ExpectationOfNothing("video", "sum", ("images",)),
    of.ExpectationOfComplex("latents", "sum"),
    of.ReplayExceeds((of.BoundaryExceeded("unet.forward", 0, None, 1e-6),), 2),
    of.NotReplayable(None),
    of.ReplayFailed("killed by signal 9"),
    of.InvariantFails("batch", (of.OutputDiffers("images", "text", "missing"),)),
    of.StaleKept(of.DefinitionChanged("a", (Change("steps", "2", None),))),
    of.CaptureNotJudged("broken", (of.PipelineRaised("ValueError: bad"),)),
    more.RunFailed(2, "ValueError: bad", raised=True),
    more.BaseRunFailed("variation", "killed by SIGKILL", raised=False),
    more.RunsDiffer(("torch",)),
    more.DifferenceAllowed(("images",)),
    more.OutputJudgesNothing("images", 3072),
    more.GoldenKept(),
    more.GoldenUnchanged(),
    more.RecordedAgain(("trace", "weights")),
    more.UnusableReplaced("goldens/a: is empty (0 bytes)"),
    more.VerifyUnfinished(),
    more.NotAmongJudged(3),
    more.CaptureChanged("out/a", "capture", missing=True),
    more.NoDraft(),
    more.DraftOutdated("goldens/a/p.draft.safetensors"),
    more.DraftReplaced(),
    more.DifferByThemselves(),
    more.NothingMeasured(("no bit differs",)),
    more.NoGoldenForLimits("cpu-x86_64"),
    more.OtherDefinition("goldens/a"),
    more.FaultNotJudged("scheduler.gain", "no result within the timeout"),
    more.NoFaultApplied(),
    more.TooFewCaught(3, 4, 0.9),
    more.NoGoldens("goldens"),
)


def test_there_is_an_example_of_every_kind_and_each_has_a_name_of_its_own() -> None:
    kinds = get_args(of.Reason)
    assert {type(one) for one in EXAMPLES} == set(kinds)
    assert len({one.kind for one in EXAMPLES}) == len(kinds)


@pytest.mark.parametrize("reason", EXAMPLES, ids=lambda reason: reason.kind)
def test_a_reason_survives_json(reason: of.Reason) -> None:
    result = TensorResult("a", Verdict.DRIFTED, "float32", (), {}, {}, {}, (reason,))
    assert from_json(TensorResult, to_json(result)) == result


@pytest.mark.parametrize("reason", EXAMPLES, ids=lambda reason: reason.kind)
def test_a_reason_tells_all_its_fields_in_json(reason: of.Reason) -> None:
    assert all(f'"{field.name}"' in to_json(reason) for field in fields(reason))


@pytest.mark.parametrize(
    ("value", "known", "special"),
    [
        (0.5, 0.5, None),
        (float("inf"), None, "inf"),
        (float("-inf"), None, "-inf"),
        (float("nan"), None, "nan"),
    ],
)
def test_what_is_not_finite_is_told_beside_the_number(
    value: float, known: float | None, special: str | None
) -> None:
    found = of.reading("psnr", value, 20.0)
    assert (found.value, found.special, found.limit) == (known, special, 20.0)
