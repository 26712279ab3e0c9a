from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.results.recording import ListedGolden
from harness.report.views.list import golden_state
from tests.report.samples import LISTED
from tests.report.screens import screen, shown


def test_the_whole_screen() -> None:
    assert shown(lambda screen: screen.show_list(LISTED, "cpu-x86_64")) == screen("""
        case                       device  golden
        ─────────────────────────────────────────────────
        tolerance exact | max_abs 0.0001, rel_l2 1e-05 | max_abs 0.002, rel_l2 0.0001
          ddpm-digits/ddim@seed=0  cpu     recorded
          sd/variants@call.prompt=a-handwritten-seven-1a2b3c4d,
          scheduler.class=DDIMScheduler,seed=0
                                   cpu     stale
          hub/cifar10              cpu     none
        tolerance exact | max_abs 0.0001, rel_l2 1e-05 | refuse
          unclip/basic             cpu     cuda-sm90 only
          unclip/damaged           cpu     unreadable

        5 cases on cpu-x86_64: 1 recorded, 1 stale, 1 none, 1 cuda-sm90 only, 1
          unreadable
        tolerance: same | same-hardware | cross-hardware
    """)


@pytest.mark.parametrize(
    ("goldens", "state"),
    [
        ((), "none"),
        ((ListedGolden("cpu", stale=False),), "recorded"),
        ((ListedGolden("cpu", stale=True),), "stale"),
        ((ListedGolden("cpu", stale=False, readable=False, unusable="is empty"),), "unreadable"),
        ((ListedGolden("cpu", stale=False, unusable="it holds a forced replay"),), "unusable"),
        (
            (ListedGolden("cuda-sm80", stale=False), ListedGolden("cuda-sm90", stale=True)),
            "cuda-sm80, cuda-sm90 only",
        ),
        ((ListedGolden("cuda-sm80", stale=True), ListedGolden("cpu", stale=False)), "recorded"),
    ],
)
def test_golden_state(goldens: tuple[ListedGolden, ...], state: str) -> None:
    assert golden_state(replace(LISTED[0], goldens=goldens), "cpu") == state


def test_no_cases_and_quiet() -> None:
    assert shown(lambda screen: screen.show_list((), "cpu-x86_64")) == "no cases\n"
    assert shown(lambda screen: screen.show_list(LISTED, "cpu-x86_64"), quiet=True) == ""


def test_a_tolerance_is_shown_once_however_the_cases_alternate() -> None:
    alternating = (LISTED[0], LISTED[3], LISTED[2])
    lines = shown(lambda screen: screen.show_list(alternating, "cpu-x86_64")).splitlines()
    assert [line.split()[0] for line in lines[2:7]] == [
        "tolerance", "ddpm-digits/ddim@seed=0", "hub/cifar10", "tolerance", "unclip/basic",
    ]  # fmt: skip


def test_calibrated_limits_have_a_column_where_a_case_asks_for_them() -> None:
    tolerance = {"same": "exact", "same-hardware": "calibrated", "cross-hardware": "calibrated"}
    here = [
        ListedGolden("cpu-x86_64", stale=False, calibrated="rel_l2 3.6e-06"),
        ListedGolden("cpu-x86_64", stale=False, calibrated="missing"),
    ]
    cases = [
        replace(LISTED[2], case=name, tolerance=tolerance, goldens=(golden,))
        for name, golden in zip(("sd/image", "sd/new"), here, strict=True)
    ]
    assert shown(lambda screen: screen.show_list([LISTED[0], *cases], "cpu-x86_64")) == screen("""
        case                       device  golden    calibrated
        ───────────────────────────────────────────────────────────
        tolerance exact | max_abs 0.0001, rel_l2 1e-05 | max_abs 0.002, rel_l2 0.0001
          ddpm-digits/ddim@seed=0  cpu     recorded
        tolerance exact | calibrated | calibrated
          sd/image                 cpu     recorded  rel_l2 3.6e-06
          sd/new                   cpu     recorded  missing

        3 cases on cpu-x86_64: 3 recorded
        tolerance: same | same-hardware | cross-hardware
    """)
