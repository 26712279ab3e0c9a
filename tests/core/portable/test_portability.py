from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.core.environment import Environment, relation_between
from harness.core.portable.portability import named_operations, portability_words
from harness.core.tolerance import Limits, Relation, Rule
from tests.core.samples import ENVIRONMENT

EPYC = replace(ENVIRONMENT.hardware, cpu_vendor="AuthenticAMD", cpu_model="AMD EPYC 9654 96-Core (25/17)")
XEON = replace(ENVIRONMENT.hardware, cpu_model="Intel(R) Xeon(R) Platinum 8375C (6/106)")
GPU = replace(ENVIRONMENT.hardware, device="cuda", cpu_vendor="", cpu_model="", gpu="NVIDIA H100")

ANSWERS = {"exp float32": "aa", "conv2d float32": "bb"}
LOST = "MKL_CBWR is not set instead of COMPATIBLE"
LIMITS = Limits(max_abs=1e-4)


def on(hardware: Any, *, portable: bool = True, **changes: Any) -> Environment:
    """A run on that CPU or GPU."""
    switches = replace(ENVIRONMENT.switches, portable=portable)
    changes = {"known_answers": ANSWERS if portable else {}, **changes}
    return replace(ENVIRONMENT, hardware=hardware, switches=switches, **changes)


def told(golden: Environment, now: Environment, *, exact: bool = True) -> str:
    """The words for the relation that the two have."""
    relation = relation_between(golden, now)
    allowance = Rule.EXACT if exact and relation is Relation.SAME else LIMITS
    return portability_words(golden, now, relation, allowance)


PLACES = "recorded on AMD EPYC 9654 96-Core, run on Intel(R) Xeon(R) Platinum 8375C: "
BY_LIMITS = "so the limits of same-hardware judge"


@pytest.mark.parametrize(
    ("golden", "now", "words"),
    [
        (on(EPYC), on(XEON), f"{PLACES}portable, so judged bit for bit"),
        (
            on(EPYC),
            on(XEON, known_answers={**ANSWERS, "exp float32": "ab"}),
            f"{PLACES}portable, but exp float32 gave different bits there, {BY_LIMITS}",
        ),
        (
            on(EPYC),
            on(XEON, software=replace(ENVIRONMENT.software, python="3.12.1")),
            f"{PLACES}portable, but software or switches differ, {BY_LIMITS}",
        ),
        (
            on(EPYC),
            on(XEON, portable=False, not_portable=LOST),
            f"{PLACES}the golden is portable and this run is not ({LOST}), {BY_LIMITS}",
        ),
        (
            on(EPYC, portable=False, not_portable=LOST),
            on(XEON),
            f"{PLACES}this run is portable and the golden is not ({LOST}), {BY_LIMITS}",
        ),
        (
            on(EPYC),
            on(EPYC, portable=False, not_portable=LOST),
            f"the golden is portable and this run is not ({LOST}), {BY_LIMITS}",
        ),
        (
            on(EPYC, portable=False),
            on(EPYC),
            f"this run is portable and the golden is not, {BY_LIMITS}",
        ),
        (
            on(EPYC, portable=False),
            on(XEON, portable=False, not_portable=LOST),
            f"{PLACES}not portable ({LOST}), {BY_LIMITS}",
        ),
        (
            on(GPU),
            on(GPU, portable=False, not_portable=LOST),
            f"the golden is portable and this run is not ({LOST}), {BY_LIMITS}",
        ),
    ],
    ids=[
        *("another cpu", "another answer", "other software", "not portable now", "not portable then"),
        *("the same cpu now lacks it", "the same cpu lacked it", "neither", "on a gpu"),
    ],
)
def test_the_sentence_says_what_judges_and_why(golden: Environment, now: Environment, words: str) -> None:
    assert told(golden, now) == words


@pytest.mark.parametrize(
    ("golden", "now"),
    [
        (on(EPYC), on(EPYC)),
        (on(EPYC, portable=False), on(EPYC, portable=False)),
        (on(GPU), on(replace(GPU, gpu="NVIDIA A100"))),
        (on(EPYC), replace(on(XEON), platform="cpu-aarch64")),
    ],
    ids=["the same cpu", "neither on the same cpu", "another gpu", "another architecture"],
)
def test_where_it_makes_no_difference_nothing_is_said(golden: Environment, now: Environment) -> None:
    assert told(golden, now) == ""


def test_a_case_with_limits_under_same_is_not_said_to_be_judged_bit_for_bit() -> None:
    assert told(on(EPYC), on(XEON), exact=False) == f"{PLACES}portable, so judged under same"


def test_a_requested_relation_is_not_a_consequence() -> None:
    words = portability_words(on(EPYC), on(XEON), Relation.CROSS_HARDWARE, LIMITS, asked=True)

    assert words.endswith(", judged under cross-hardware as requested")
    assert "software" not in words


def test_cpus_of_one_name_are_told_by_their_numbers() -> None:
    zen3, zen4 = (replace(EPYC, cpu_model=f"AMD EPYC ({numbers})") for numbers in ("25/1", "25/17"))

    assert told(on(zen3), on(zen4)).startswith("recorded on AMD EPYC (25/1), run on AMD EPYC (25/17): ")


def test_a_cpu_without_a_name_is_told_by_its_kind() -> None:
    nameless = replace(XEON, cpu_model="")

    assert told(on(EPYC), on(nameless)).startswith("recorded on AMD EPYC 9654 96-Core, run on x86_64: ")


def test_of_many_operations_three_are_named() -> None:
    assert named_operations(["a", "b", "c"]) == "a, b, c"
    assert named_operations(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
