from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from harness.core.results.verdict import Boundary, Verdict
from harness.core.tolerance import Relation
from harness.golden.trace import Trace
from harness.judge.traces.boundaries import boundary_limit, epsilon, is_network, judge_boundaries, rel_l2
from tests.support.traces import Call, make_trace

LATENTS = np.arange(1, 101, dtype=np.float32)
NETWORK, OTHER = 50 * 2.0**-23, 1e-6


def off(by: float, values: np.ndarray = LATENTS) -> np.ndarray:
    return (values.astype(np.float64) * (1 + by)).astype(values.dtype)


def calls(
    sample: Any = LATENTS, out: Any = LATENTS, noise: Any = LATENTS, image: Any = LATENTS
) -> list[Call]:
    return [
        Call("noise.randn_tensor", {}, {"noise": noise}),
        Call("unet.forward", {"sample": sample, "timestep": np.array(7)}, {"sample": out}),
        Call("scheduler.step", {"model_output": LATENTS}, {"prev_sample": LATENTS}),
        Call("pipeline.output", {"images": image}),
    ]


def judged(
    folder: Path, golden: list[Call], forced: list[Call], relation: Relation = Relation.SAME, **options: Any
) -> dict[str, Boundary]:
    keep = options.pop("keep", True)
    sides = [make_trace(folder / name, one, keep=keep) for name, one in (("g", golden), ("f", forced))]
    found = judge_boundaries(sides[0], sides[1], relation, **options)
    return {f"{one.event} {one.index}": one for one in found}


def test_identical(tmp_path: Path) -> None:
    found = judged(tmp_path, calls(), calls())
    assert list(found) == [
        "noise.randn_tensor 0",
        "→ unet.forward 0",
        "unet.forward 0",
        "→ scheduler.step 0",
        "scheduler.step 0",
        "→ pipeline.output 0",
    ]
    assert {one.verdict for one in found.values()} == {Verdict.IDENTICAL}
    assert {one.rel_l2 for one in found.values()} == {0.0}
    limits = {name: pytest.approx(one.limit) for name, one in found.items()}
    assert limits["unet.forward 0"] == NETWORK
    assert limits["→ unet.forward 0"] == limits["scheduler.step 0"] == limits["→ pipeline.output 0"] == OTHER
    assert limits["noise.randn_tensor 0"] == 1e-6


@pytest.mark.parametrize(
    ("changes", "name", "by", "verdict"),
    [
        ({"out": off(3e-6)}, "unet.forward 0", 3e-6, Verdict.WITHIN),
        ({"out": off(1e-5)}, "unet.forward 0", 1e-5, Verdict.DRIFTED),
        ({"sample": off(3e-6)}, "→ unet.forward 0", 3e-6, Verdict.DRIFTED),
        ({"sample": off(5e-7)}, "→ unet.forward 0", 5e-7, Verdict.WITHIN),
        ({"image": off(4e-3)}, "→ pipeline.output 0", 4e-3, Verdict.DRIFTED),
    ],
)
def test_each_by_itself(
    changes: dict[str, Any], name: str, by: float, verdict: Verdict, tmp_path: Path
) -> None:
    found = judged(tmp_path, calls(), calls(**changes))
    assert found[name].verdict is verdict
    # float32 rounds each element by up to 6e-8
    assert found[name].rel_l2 == pytest.approx(by, rel=0.05)
    assert {one.verdict for key, one in found.items() if key != name} == {Verdict.IDENTICAL}


def test_exact_from_the_bits(tmp_path: Path) -> None:
    now = LATENTS.copy()
    now[0] += 4
    found = judged(tmp_path, calls(), calls(out=now))["unet.forward 0"]
    assert found.rel_l2 == pytest.approx(4 / np.linalg.norm(LATENTS.astype(float)), rel=1e-12)


def test_estimated_without_the_bits(tmp_path: Path) -> None:
    found = judged(tmp_path, calls(), calls(out=off(4e-3)), keep=False)["unet.forward 0"]
    assert found.rel_l2 == pytest.approx(4e-3, rel=0.6)
    assert found.verdict is Verdict.DRIFTED


@pytest.mark.parametrize("keep", [True, False])
def test_new_nan_is_broken(keep: bool, tmp_path: Path) -> None:
    now = LATENTS.copy()
    now[3] = np.nan
    found = judged(tmp_path, calls(), calls(out=now), keep=keep)["unet.forward 0"]
    assert (found.rel_l2, found.verdict) == (None, Verdict.BROKEN)


def test_shape_is_broken(tmp_path: Path) -> None:
    found = judged(tmp_path, calls(), calls(out=LATENTS[:50]))["unet.forward 0"]
    assert (found.rel_l2, found.verdict) == (None, Verdict.BROKEN)


def test_timesteps_are_exact(tmp_path: Path) -> None:
    forced = calls()
    forced[1].inputs = {"sample": LATENTS, "timestep": np.array(8)}
    found = judged(tmp_path, calls(), forced)["→ unet.forward 0"]
    assert (found.rel_l2, found.verdict) == (None, Verdict.DRIFTED)


def test_zeros_in_the_golden(tmp_path: Path) -> None:
    found = judged(tmp_path, calls(out=LATENTS * 0), calls(out=LATENTS))["unet.forward 0"]
    assert (found.rel_l2, found.verdict) == (None, Verdict.DRIFTED)


def test_missing_and_extra_events_are_broken(tmp_path: Path) -> None:
    forced = [*calls()[:2], Call("vae.decode", {}, {"0": LATENTS}), calls()[3]]
    found = judged(tmp_path, calls(), forced)
    broken = {name for name, one in found.items() if one.verdict is Verdict.BROKEN}
    assert broken == {"scheduler.step 0", "vae.decode 0"}


def test_output_that_is_gone(tmp_path: Path) -> None:
    forced = calls()
    forced[1].outputs = {}
    assert judged(tmp_path, calls(), forced)["unet.forward 0"].verdict is Verdict.BROKEN


def test_noise_may_differ_in_its_last_bits_and_no_further(tmp_path: Path) -> None:
    near, far = (judged(tmp_path, calls(), calls(noise=off(error))) for error in (2e-7, 3e-6))
    assert near["noise.randn_tensor 0"].verdict is Verdict.WITHIN
    assert far["noise.randn_tensor 0"].verdict is Verdict.DRIFTED


def test_noise_is_left_out_where_it_must_be_another(tmp_path: Path) -> None:
    pair = calls(), calls(noise=off(1.0))
    for call in (pair[0][0], pair[1][0]):
        call.values["generator"] = "cuda:0"
    assert "noise.randn_tensor 0" not in judged(tmp_path, *pair, Relation.CROSS_HARDWARE)
    assert "noise.randn_tensor 0" not in judged(tmp_path, *pair, seeded=False)
    assert judged(tmp_path, *pair)["noise.randn_tensor 0"].verdict is Verdict.DRIFTED
    for call in (pair[0][0], pair[1][0]):
        call.values["generator"] = "cpu"
    found = judged(tmp_path, *pair, Relation.CROSS_HARDWARE)["noise.randn_tensor 0"]
    assert found.verdict is Verdict.DRIFTED


@pytest.mark.parametrize(
    ("dtype", "network", "other"),
    [
        (np.float32, 50 * 2.0**-23, 1e-6),
        (np.float64, 50 * 2.0**-52, 1e-6),
        (np.float16, 8 * 2.0**-10, 8 * 2.0**-10),
        (ml_dtypes.bfloat16, 8 * 2.0**-7, 8 * 2.0**-7),
        (np.uint8, 1e-6, 1e-6),
    ],
)
def test_limits(dtype: Any, network: float, other: float, tmp_path: Path) -> None:
    values = LATENTS.astype(dtype)
    trace = make_trace(
        tmp_path / "a",
        [Call(f"{name}.forward", {"x": values}, {"0": values}) for name in ("unet", "scheduler")],
    )
    unet, scheduler = trace.events
    assert boundary_limit(trace, unet, "out") == network
    assert boundary_limit(trace, unet, "in") == other
    assert boundary_limit(trace, scheduler, "out") == boundary_limit(trace, scheduler, "in") == other
    assert (is_network(trace, unet), is_network(trace, scheduler)) == (True, False)


def test_the_coarsest_dtype_decides(tmp_path: Path) -> None:
    half = LATENTS.astype(ml_dtypes.bfloat16)
    trace = make_trace(tmp_path / "a", [Call("unet.forward", {"x": half}, {"0": LATENTS})])
    assert boundary_limit(trace, trace.events[0], "out") == 8 * 2.0**-7


def test_epsilon() -> None:
    assert [epsilon(name) for name in ("float32", "complex64", "int64", "bool")] == [2**-23, 2**-23, 0, 0]


def test_rel_l2(tmp_path: Path) -> None:
    sides = [make_trace(tmp_path / str(x), [Call("a.b", {}, {"0": np.array([3.0, x])})]) for x in (4, 5)]
    golden, now = sides
    assert isinstance(golden, Trace)
    slot = golden.events[0].signature.outputs[0]
    assert rel_l2(golden, 0, slot, now, 0) == (0.2, False)
    assert rel_l2(golden, 0, slot, golden, 0) == (0.0, False)


@pytest.mark.parametrize(
    ("relation", "limit", "verdict"),
    [
        (Relation.SAME_HARDWARE, 1.5e-6, Verdict.DRIFTED),
        (Relation.CROSS_HARDWARE, NETWORK * 10 / 3, Verdict.WITHIN),
    ],
)
def test_calibrated_limits(relation: Relation, limit: float, verdict: Verdict, tmp_path: Path) -> None:
    limits = {"unet.forward": 1.5e-6}
    found = judged(tmp_path, calls(), calls(out=off(3e-6)), relation, limits=limits)
    assert (found["unet.forward 0"].limit, found["unet.forward 0"].verdict) == (pytest.approx(limit), verdict)
    wider = 10 / 3 if relation is Relation.CROSS_HARDWARE else 1
    assert found["→ unet.forward 0"].limit == pytest.approx(OTHER * wider)


def test_a_calibrated_limit_may_be_the_wider_one(tmp_path: Path) -> None:
    limits = {"→ unet.forward": 1e-5}
    found = judged(tmp_path, calls(), calls(sample=off(3e-6)), limits=limits)
    assert found["→ unet.forward 0"].verdict is Verdict.WITHIN
