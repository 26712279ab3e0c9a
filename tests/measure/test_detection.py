from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from harness.core.measured.sensitivity import Channel, Detection, MutantResult, MutantState, SensitivityState
from harness.core.results.measure_reasons import FaultNotJudged, TooFewCaught
from harness.core.tolerance import Limits, Relation, Rule, Tolerance
from harness.golden.tensors import TensorFile
from harness.measure.detection import (
    Base,
    LimitSet,
    detections,
    limit_set_of,
    raised,
    scores,
    seen,
    sharpness,
    smallest,
)
from tests.golden.builders import a_case, write_capture
from tests.support.calibrations import a_calibration
from tests.support.traces import Call, open_trace, structure_of, write_trace

IMAGE = np.linspace(1, 2, 100, dtype=np.float32)
SAME, HARDWARE, CROSS = Relation
LIMITS = LimitSet({SAME: Rule.EXACT, HARDWARE: Limits(max_abs=0.1, rel_l2=0.01)})


def capture(path: Path, image: Any = IMAGE, step: Any = IMAGE, structure: Any = None) -> Path:
    """A capture with a trace of one scheduler step, and one output."""
    calls = [Call("scheduler.step", {"sample": IMAGE}, {"prev_sample": step})]
    tensors = load_file(write_trace(path, calls, structure=structure))
    return write_capture(path, {**tensors, "output/images": image})


def judged(
    folder: Path, limit_set: LimitSet = LIMITS, forced: Any = None, **now: Any
) -> tuple[bool, dict[tuple[Relation, Channel], Detection]]:
    """Whether nothing differs, and the sightings by relation and channel."""
    base_path, path = capture(folder / "base"), capture(folder / "now", **now)
    replay = capture(folder / "forced", step=IMAGE if forced is None else forced)
    with TensorFile(base_path) as base_file, TensorFile(path) as file, TensorFile(replay) as replayed:
        base = Base(base_file, open_trace(base_path))
        what = seen(base, file, limit_set)
        found = detections(what, base, replayed, limit_set)
    return what.nothing, {(one.relation, one.channel): one for one in found}


def test_equal_bits_are_no_fault(tmp_path: Path) -> None:
    nothing, found = judged(tmp_path)
    assert nothing
    assert not any(one.caught for one in found.values())
    assert found.keys() == {(relation, channel) for relation in (SAME, HARDWARE) for channel in Channel}


def test_a_bit_of_the_trace_alone_is_a_fault(tmp_path: Path) -> None:
    step = IMAGE.copy()
    step[3] = np.nextafter(step[3], np.float32(2))
    nothing, found = judged(tmp_path, step=step)
    assert not nothing
    assert not any(one.caught for one in found.values())


def test_a_finding_alone_is_a_fault_and_caught_by_the_exact_channel(tmp_path: Path) -> None:
    structure = structure_of(config={"scheduler": {"steps_offset": 1}})
    plain = structure_of(config={"scheduler": {"steps_offset": 0}})
    base, now = capture(tmp_path / "a", structure=plain), capture(tmp_path / "b", structure=structure)
    with TensorFile(base) as base_file, TensorFile(now) as file:
        whole = Base(base_file, open_trace(base))
        what = seen(whole, file, LIMITS)
        accepted = LimitSet(LIMITS.allowed, accepted=("scheduler.config.*",))
        [exact, *_] = detections(what, whole, None, LIMITS)
        [forgiven, *_] = detections(seen(whole, file, accepted), whole, None, accepted)
    assert not what.nothing
    assert (exact.channel, exact.caught, exact.at) == (Channel.EXACT, True, "scheduler.config.steps_offset")
    assert not forgiven.caught


@pytest.mark.parametrize(("by", "margin", "caught"), [(0.02, 2.0, True), (0.005, 0.5, False)])
def test_margin_of_outputs(tmp_path: Path, by: float, margin: float, caught: bool) -> None:
    """A relative error of 0.02 is twice the limit of rel_l2, and 0.04 at most is under that of max_abs."""
    _, found = judged(tmp_path, image=IMAGE * np.float32(1 + by))
    outputs = found[HARDWARE, Channel.OUTPUTS]
    assert outputs.margin == pytest.approx(margin, rel=1e-3)
    assert outputs.caught is caught
    assert outputs.at == "images rel_l2"
    same = found[SAME, Channel.OUTPUTS]
    assert (same.caught, same.margin) == (True, None)


def test_a_nan_is_caught_without_a_margin(tmp_path: Path) -> None:
    image = IMAGE.copy()
    image[0] = np.nan
    _, found = judged(tmp_path, image=image)
    assert (found[HARDWARE, Channel.OUTPUTS].caught, found[HARDWARE, Channel.OUTPUTS].margin) == (True, None)


def test_calibrated_limits_are_by_output(tmp_path: Path) -> None:
    image = IMAGE * np.float32(1.02)
    by_name = LimitSet({HARDWARE: {"images": Limits(rel_l2=0.04)}})
    _, found = judged(tmp_path, by_name, image=image)
    assert found[HARDWARE, Channel.OUTPUTS].margin == pytest.approx(0.5, rel=1e-3)
    unknown = LimitSet({HARDWARE: {"others": Limits(rel_l2=0.04)}})
    _, found = judged(tmp_path, unknown, image=image)
    assert found[HARDWARE, Channel.OUTPUTS].caught


def test_psnr_is_better_the_larger_it_is(tmp_path: Path) -> None:
    """An error of 0.01 everywhere has 40 dB (peak 1): 60 are asked for, 1.5 times that."""
    limit_set = LimitSet({HARDWARE: Limits(psnr=60.0)})
    image = np.zeros(100, dtype=np.float32)
    image[0] = 1
    with_error = image + np.float32(0.01)
    base, now = capture(tmp_path / "a", image=image), capture(tmp_path / "b", image=with_error)
    with TensorFile(base) as base_file, TensorFile(now) as file:
        whole = Base(base_file, open_trace(base))
        what = seen(whole, file, limit_set)
        psnr = what.tensors[0].metrics["psnr"]
        assert psnr is not None
        [_, outputs] = detections(what, whole, None, limit_set)
    assert outputs.margin == pytest.approx(60.0 / psnr)
    assert outputs.caught is (psnr < 60)


def test_margin_of_boundaries(tmp_path: Path) -> None:
    """A scheduler's step may be off by 1e-6, or by what was calibrated."""
    off = (IMAGE.astype(np.float64) * (1 + 1e-5)).astype(np.float32)
    _, found = judged(tmp_path, forced=off)
    forced = found[HARDWARE, Channel.FORCED]
    assert forced.caught
    assert forced.margin == pytest.approx(10, rel=0.02)
    assert forced.at == "scheduler.step[0]"
    _, found = judged(tmp_path, LimitSet({HARDWARE: Rule.EXACT}, {"scheduler.step": 1e-4}), forced=off)
    assert found[HARDWARE, Channel.FORCED].margin == pytest.approx(0.1, rel=0.02)
    assert not found[HARDWARE, Channel.FORCED].caught


def test_raising_is_caught_under_every_relation() -> None:
    found = raised(LIMITS, "ValueError: no")
    assert [(one.relation, one.caught) for one in found] == [(SAME, True), (HARDWARE, True)]


def result(
    fault: str, strength: float | None = None, state: MutantState = MutantState.APPLIED, **by: bool
) -> MutantResult:
    found = tuple(Detection(HARDWARE, Channel(name), caught, None, "") for name, caught in by.items())
    return MutantResult(fault, strength, state, sightings=found)


def test_scores_count_what_applied() -> None:
    faults = [
        result("guidance.scale", forced=True, outputs=False),
        result("guidance.swapped", forced=True, outputs=True),
        result("seeding.reseeded", forced=False, outputs=False),
        result("decoding.shift", state=MutantState.EQUIVALENT),
        result("decoding.tile_seam", state=MutantState.NOT_APPLICABLE),
    ]
    [score] = scores(faults, (HARDWARE,), forced=True)
    assert (score.caught, score.applied, score.share) == (2, 3, pytest.approx(2 / 3))
    assert score.by_channel == {Channel.EXACT: 0, Channel.FORCED: 2, Channel.OUTPUTS: 1}
    [none] = scores([], (HARDWARE,), forced=True)
    assert none.share is None


def test_smallest_is_the_last_of_those_caught_from_above() -> None:
    """At 1e-5 the outputs see it by chance, but not at 1e-4: what counts is where it goes unseen first."""
    rungs = [
        result("guidance.scale", 1e-1, forced=True, outputs=True),
        result("guidance.scale", 1e-3, forced=True, outputs=True),
        result("guidance.scale", 1e-4, forced=True, outputs=False),
        result("guidance.scale", 1e-5, forced=False, outputs=True),
        result("guidance.scale", 1e-6, MutantState.EQUIVALENT),
        result("decoding.shift", 1e-1, MutantState.NOT_APPLICABLE),
        result("seeding.noise_scaled", 1e-1, forced=False, outputs=False),
    ]
    found = {one.fault: (one.any, one.forced, one.outputs) for one in smallest(rungs)}
    assert found == {"guidance.scale": (1e-5, 1e-4, 1e-3), "seeding.noise_scaled": (None, None, None)}


def test_the_ruler_of_a_case_takes_measured_limits_where_it_asks_for_them() -> None:
    asked = a_case(tolerance=Tolerance(Rule.EXACT, Rule.CALIBRATED, Rule.REFUSE))
    assert limit_set_of(asked, None) is None
    found = limit_set_of(asked, a_calibration())
    assert found is not None
    assert found.allowed == {SAME: Rule.EXACT, HARDWARE: {"images": Limits(max_abs=1.5e-6, rel_l2=3e-6)}}
    assert found.boundaries["unet.forward"] == 1.98e-6
    stated = limit_set_of(a_case(tolerance=Tolerance(Rule.EXACT, Limits(rel_l2=1e-3), Rule.REFUSE)), None)
    assert stated is not None
    assert stated.allowed[HARDWARE] == Limits(rel_l2=1e-3)


def test_every_limit_is_in_the_digest() -> None:
    rulers = [
        LIMITS,
        LimitSet({SAME: Rule.EXACT, HARDWARE: Limits(max_abs=0.1, rel_l2=0.011)}),
        LimitSet({SAME: Rule.EXACT, HARDWARE: {"images": Limits(max_abs=0.1, rel_l2=0.01)}}),
        LimitSet({SAME: Rule.EXACT}),
        LimitSet(LIMITS.allowed, boundaries={"unet.forward": 1e-6}),
        LimitSet(LIMITS.allowed, accepted=("unet.config.*",)),
        LimitSet(LIMITS.allowed, seeded=False),
        LimitSet(LIMITS.allowed, forced=False),
    ]
    digests = {limit_set.digest() for limit_set in rulers}
    assert len(digests) == len(rulers)
    assert LimitSet(dict(LIMITS.allowed)).digest() in digests


def test_a_case_is_sharp_from_its_stated_share_on() -> None:
    caught = Detection(HARDWARE, Channel.OUTPUTS, True, 2.0, "images")
    missed = Detection(HARDWARE, Channel.OUTPUTS, False, 0.5, "images")
    faults = [
        MutantResult("guidance.scale", 1e-3, MutantState.APPLIED, sightings=(one,))
        for one in (caught, missed)
    ]
    assert sharpness(a_case(min_sensitivity=0.5), faults) == (SensitivityState.SHARP, ())
    assert sharpness(a_case(), faults) == (SensitivityState.SHARP, ())
    found = sharpness(a_case(min_sensitivity=0.51), faults)
    assert found == (SensitivityState.BLUNT, (TooFewCaught(1, 2, 0.51),))
    boundary = MutantResult(
        "guidance.scale", 1e-3, MutantState.APPLIED, sightings=(replace(caught, channel=Channel.FORCED),)
    )
    assert sharpness(a_case(min_sensitivity=1.0, forced=True), [boundary])[0] is SensitivityState.SHARP
    assert sharpness(a_case(min_sensitivity=1.0), [boundary])[0] is SensitivityState.BLUNT
    idle = MutantResult("guidance.scale", 1e-3, MutantState.NOT_APPLICABLE, "no such place")
    assert sharpness(a_case(min_sensitivity=0.5), [idle])[0] is SensitivityState.ERROR
    unknown = MutantResult("guidance.scale", 1e-3, MutantState.ERROR, "the worker exited")
    assert sharpness(a_case(), [unknown]) == (
        SensitivityState.ERROR,
        (FaultNotJudged("guidance.scale", "the worker exited"),),
    )
