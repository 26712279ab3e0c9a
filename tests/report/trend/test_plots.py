from __future__ import annotations

from itertools import pairwise

import pytest

from harness.report.trend.plots import HEIGHT, linear_plot, log_plot, x_of


def points(line: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())]


def test_nights_share_the_width() -> None:
    assert [x_of(night, 4) for night in (0, 1, 4)] == [0.0, 250.0, 1000.0]


def test_a_decade_has_one_height_and_the_limit_lies_between_its_ticks() -> None:
    plot = log_plot({"rel_l2": [1e-6, 1e-5, 1e-4]}, {"rel_l2": 1e-3})
    assert plot is not None
    assert [tick.label for tick in plot.ticks] == ["1e-6", "1e-5", "1e-4", "1e-3"]
    heights = [tick.y for tick in plot.ticks]
    steps = {round(upper - lower) for upper, lower in pairwise(heights)}
    assert len(steps) == 1
    (curve,) = plot.curves
    found = points(curve.lines[0])
    assert [y for _, y in found[::2]] == heights[:3]
    assert (plot.limits[0].y, plot.limits[0].label) == (heights[3], "rel_l2 1.0e-03")
    assert curve.last == "1.0e-04"


def test_equal_values_are_one_step_and_missing_nights_a_gap() -> None:
    plot = linear_plot("seconds", [2.0, 2.0, None, 1.0, 2.0])
    assert plot is not None
    first, second = (points(line) for line in plot.curves[0].lines)
    assert [x for x, _ in first] == [0.0, 400.0]
    assert [x for x, _ in second] == [600.0, 800.0, 800.0, 1000.0]
    top, bottom = plot.ticks[1].y, plot.ticks[0].y
    assert first[0][1] == second[-1][1] == top
    assert second[0][1] == pytest.approx((top + bottom) / 2, abs=0.1)
    assert plot.ticks[1].label == "2"


def test_zero_is_at_the_bottom_of_a_logarithmic_axis() -> None:
    plot = log_plot({"a": [0.0, 1e-5]}, {})
    assert plot is not None
    assert points(plot.curves[0].lines[0])[0][1] == plot.ticks[0].y
    assert plot.ticks[0].y <= HEIGHT


def test_nothing_to_draw() -> None:
    assert log_plot({"a": [0.0, None]}, {"a": 1e-3}) is None
    assert log_plot({}, {}) is None
    assert linear_plot("seconds", [None, None]) is None
