from __future__ import annotations

import itertools

from harness.core.measured.calibration import Growth
from harness.core.results.explanation import GrowthRow
from harness.core.results.verdict import Divergence
from harness.report.page.curves import HEIGHT, Dot, growth_chart


def row(event: str, *curve: float | None) -> GrowthRow:
    component, stage = event.split(".")[0], "denoiser"
    count = len(curve)
    return GrowthRow(event, component, stage, count, count, 0, curve[0], curve[0], curve[-1], 0.0, curve)


ENCODER, UNET, STEP, VAE = (
    row("text_encoder.forward", 1e-3),
    row("unet.forward", 0.0, 1e-4, 1e-3),
    row("scheduler.step", 1e-5, 1e-4, None),
    row("vae.decode", 1e-2),
)
BEGAN = Divergence("denoiser", "unet", "unet.forward", 1, None, 1e-4, "words")


def test_events_are_in_the_order_of_the_pipeline() -> None:
    chart = growth_chart([ENCODER, UNET, STEP, VAE], BEGAN)
    assert chart is not None
    assert [line.event for line in chart.lines] == [
        "text_encoder.forward",
        "unet.forward",
        "scheduler.step",
        "vae.decode",
    ]
    places = [line.dots[0].x for line in chart.lines]
    assert places[0] < places[1] == places[2] < places[3]
    assert [tick.label for tick in chart.x_ticks] == ["text_encoder", "vae.decode", "0", "1", "2"]


def test_a_larger_error_is_higher_and_equal_bits_are_at_the_bottom() -> None:
    chart = growth_chart([UNET], None)
    assert chart is not None
    same, small, large = (dot.y for dot in chart.lines[0].dots)
    assert same == chart.same == HEIGHT - 30
    assert large < small < same
    assert [dot.words for dot in chart.lines[0].dots] == [
        "unet.forward[0]: bit-identical",
        "unet.forward[1]: rel_l2 0.0001",
        "unet.forward[2]: rel_l2 0.001",
    ]


def test_decades_are_evenly_spaced() -> None:
    chart = growth_chart([row("unet.forward", 1e-6, 1e-1)], None)
    assert chart is not None
    gaps = {round(after.at - before.at, 1) for before, after in itertools.pairwise(chart.y_ticks)}
    assert len(gaps) == 1
    assert [tick.label for tick in chart.y_ticks] == ["1e-1", "1e-2", "1e-3", "1e-4", "1e-5", "1e-6"]


def test_undefined_is_at_the_top() -> None:
    chart = growth_chart([STEP], None)
    assert chart is not None
    assert chart.lines[0].dots[2].y == min(tick.at for tick in chart.y_ticks)
    assert chart.lines[0].dots[2].words == "scheduler.step[2]: undefined"


def test_the_place_where_it_began_is_marked() -> None:
    chart = growth_chart([UNET, STEP], BEGAN)
    assert chart is not None
    dot = chart.lines[0].dots[1]
    assert chart.began == Dot(dot.x, dot.y, "begins here: unet.forward[1]")
    elsewhere = growth_chart([STEP], BEGAN)
    assert elsewhere is not None
    assert elsewhere.began is None


def test_benign_growth_lies_behind() -> None:
    chart = growth_chart(
        [UNET], None, [Growth("unet.forward", (1e-7, 1e-6, 1e-6)), Growth("other", (1.0, 1.0))]
    )
    assert chart is not None
    assert len(chart.benign) == 1
    assert chart.benign[0].count(",") == 5


def test_level_parts_need_no_points() -> None:
    chart = growth_chart([row("unet.forward", *[1e-3] * 1000)], None)
    assert chart is not None
    assert chart.lines[0].points.count(",") <= 3
    assert len(chart.lines[0].dots) == 2


def test_nothing_to_draw() -> None:
    assert growth_chart([], None) is None
    assert growth_chart([row("unet.forward", 0.0, 0.0)], BEGAN) is None
