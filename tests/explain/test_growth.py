from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.core.results.explanation import GrowthRow
from harness.explain.differences import Sides
from harness.explain.growth import growth
from harness.explain.timeline import timeline
from tests.support.traces import Call, make_trace

VALUES = np.arange(1.0, 401)


def rows(folder: Path, golden: list[Call], now: list[Call]) -> dict[str, GrowthRow]:
    traces = [make_trace(folder / name, one) for name, one in (("golden", golden), ("now", now))]
    return {row.event: row for row in growth(timeline(Sides(traces[0], traces[1])))}


def unet(given: float, gave: float) -> Call:
    return Call("unet.forward", {"x": VALUES * (1 + given)}, {"0": VALUES * (1 + gave)})


def test_curve(tmp_path: Path) -> None:
    now = [unet(0, 0), unet(0, 0.01), unet(0.02, 0.04), unet(0, 0.02)]
    row = rows(tmp_path, [unet(0, 0)] * 4, now)["unet.forward"]
    assert (row.component, row.stage, row.calls, row.calls_now, row.differing) == (
        "unet",
        "denoiser",
        4,
        4,
        1,
    )
    assert row.curve[0] == 0.0
    first = row.curve[1]
    assert first == pytest.approx(0.01, rel=0.5)  # an estimate
    assert first is not None
    # multiples of one tensor are estimated alike
    assert row.curve == pytest.approx((0.0, first, 4 * first, 2 * first), rel=1e-4)
    assert (row.first, row.worst, row.last) == (row.curve[1], row.curve[2], row.curve[3])
    assert row.given == pytest.approx(2 * first, rel=1e-4)


def test_all_equal(tmp_path: Path) -> None:
    row = rows(tmp_path, [unet(0, 0)], [unet(0, 0)])["unet.forward"]
    assert (row.differing, row.first, row.worst, row.last, row.curve) == (None, None, 0.0, 0.0, (0.0,))


def test_missing_calls(tmp_path: Path) -> None:
    found = rows(tmp_path, [unet(0, 0)] * 3, [unet(0, 0)] * 2)["unet.forward"]
    assert (found.calls, found.calls_now, len(found.curve)) == (3, 2, 2)
    found = rows(tmp_path, [], [unet(0, 0)])["unet.forward"]
    assert (found.calls, found.calls_now, found.curve, found.last) == (0, 1, (), None)


def test_undefined(tmp_path: Path) -> None:
    golden, now = ([Call("tokenizer.__call__", {}, {"ids": np.array([x])})] for x in (1, 2))
    row = rows(tmp_path, golden, now)["tokenizer.__call__"]
    assert (row.differing, row.first, row.worst, row.curve) == (0, None, None, (None,))


def test_pipeline_by_its_inputs(tmp_path: Path) -> None:
    golden, now = ([Call("pipeline.output", {"images": VALUES * x})] for x in (1, 1.5))
    assert rows(tmp_path, golden, now)["pipeline.output"].worst == pytest.approx(0.5, rel=0.5)
