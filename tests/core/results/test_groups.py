from __future__ import annotations

from harness.core.environment import Change
from harness.core.results.groups import groups_of
from harness.core.results.reasons import LimitsExceeded, PipelineRaised, reading
from harness.core.results.verdict import CaseResult, Divergence, Verdict

TORCH, NUMPY = Change("software.packages.torch", "1", "2"), Change("software.packages.numpy", "1", "2")


def failed(
    case: str, event: str, *changes: Change, verdict: Verdict = Verdict.DRIFTED, value: float = 0.1
) -> CaseResult:
    reason = (
        LimitsExceeded("images", (reading("rel_l2", value, 1e-5),))
        if verdict is Verdict.DRIFTED
        else PipelineRaised("boom")
    )
    began = Divergence("denoiser", event, f"{event}.forward", 0, None, value, "words")
    return CaseResult(
        case, verdict, None, None, None, (reason,), 1.0, environment_changes=changes, first_divergence=began
    )


def test_one_cause_is_one_group_whatever_the_values() -> None:
    results = [
        failed("a", "vae"),
        failed("b", "unet", TORCH, NUMPY),
        CaseResult("fine", Verdict.IDENTICAL, None, None, None, (), 1.0),
        failed("c", "unet", NUMPY, value=3.0),
        failed("d", "vae", verdict=Verdict.BROKEN),
        failed("e", "unet", NUMPY, TORCH),
    ]
    groups = groups_of(results)
    assert [[one.case for one in group.results] for group in groups] == [["b", "c", "e"], ["a"], ["d"]]
    assert groups[0].moved == (NUMPY,)
    assert groups[0].first.case == "b"
    assert groups[2].verdicts == (Verdict.BROKEN,)


def test_nothing_failed() -> None:
    assert groups_of([]) == ()
