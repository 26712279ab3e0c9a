from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.trace import Event
from harness.golden.trace import Trace
from harness.judge.traces.pairing import Pairing, pair_events, same_tensors
from tests.support.traces import Call, make_trace, names

RANDOM = np.random.default_rng(11)
A, B, C, D = (RANDOM.standard_normal((4, 8)).astype(np.float32) for _ in range(4))


def forward(value: np.ndarray, component: str = "unet") -> Call:
    return Call(f"{component}.forward", {"sample": value}, {"out": value})


def draw(values: Any, before: str | None, after: str | None = None, function: str = "randn") -> Call:
    states = {} if before is None else {"before": before, "after": after}
    return Call(f"noise.{function}", {}, {"noise": values}, states)


class Two:
    """Two traces side by side, and what was paired."""

    def __init__(self, folder: Path, golden: Sequence[Call], now: Sequence[Call]) -> None:
        self.golden = make_trace(folder / "golden.safetensors", golden)
        self.now = make_trace(folder / "now.safetensors", now)
        self.found: Pairing = pair_events(self.golden, self.now)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The places of the events that were paired."""
        return [(place(self.golden, one), place(self.now, two)) for one, two in self.found.pairs]

    @property
    def missing(self) -> list[int]:
        return [place(self.golden, one) for one in self.found.missing]

    @property
    def extra(self) -> list[int]:
        return [place(self.now, one) for one in self.found.extra]

    @property
    def regrouped(self) -> list[tuple[list[int], list[int]]]:
        return [
            ([place(self.golden, one) for one in ours], [place(self.now, one) for one in theirs])
            for ours, theirs in self.found.regrouped
        ]

    @property
    def same(self) -> bool:
        return same_tensors(self.golden, self.now, self.found)


def place(trace: Trace, event: Event) -> int:
    return next(number for number, one in enumerate(trace.events) if one is event)


def test_calls_with_other_bits_go_in_order(tmp_path: Path) -> None:
    two = Two(tmp_path, [forward(A), forward(B)], [forward(C), forward(D)])
    assert (two.pairs, two.missing, two.extra, two.same) == ([(0, 0), (1, 1)], [], [], False)


def test_the_same_calls_in_another_order_go_by_their_bits(tmp_path: Path) -> None:
    two = Two(tmp_path, [forward(A), forward(B), forward(C)], [forward(C), forward(A), forward(B)])
    assert (two.pairs, two.same) == ([(0, 1), (1, 2), (2, 0)], True)


def test_a_call_more_between_two_that_match(tmp_path: Path) -> None:
    two = Two(tmp_path, [forward(A), forward(B)], [forward(A), forward(D), forward(B)])
    assert (two.pairs, two.extra, two.same) == ([(0, 0), (1, 2)], [1], False)


def test_a_call_less_leaves_the_others_where_they_match(tmp_path: Path) -> None:
    two = Two(tmp_path, [forward(A), forward(B), forward(C)], [forward(A), forward(C)])
    assert (two.pairs, two.missing) == ([(0, 0), (2, 1)], [1])


def test_what_lies_between_two_that_match_goes_together(tmp_path: Path) -> None:
    """B became D, and the end is repeated: D is still matched with B."""
    two = Two(
        tmp_path, [forward(A), forward(B), forward(C)], [forward(A), forward(D), forward(C), forward(C)]
    )
    assert (two.pairs, two.extra) == ([(0, 0), (1, 1), (2, 2)], [3])


def test_components_of_another_name_are_no_partners(tmp_path: Path) -> None:
    two = Two(tmp_path, [forward(A)], [forward(A, "transformer")])
    assert (two.pairs, two.missing, two.extra, two.same) == ([], [0], [0], True)


def test_modules_are_left_out(tmp_path: Path) -> None:
    inner = Call("unet:mid_block.forward", {"sample": B}, {"out": B})
    golden = [Call("unet.forward", {"sample": A}, {"out": A}, inside=[inner])]
    two = Two(tmp_path, golden, [forward(A)])
    assert names([one for one, _ in two.found.pairs]) == ["unet.forward"]
    assert (two.missing, two.extra, two.same) == ([], [], True)


def test_a_draw_by_another_function_goes_by_its_bits(tmp_path: Path) -> None:
    now = [draw(B, "t1", "t2", "normal_"), draw(A, "t0", "t1", "randn_tensor")]
    two = Two(tmp_path, [draw(A, "s0", "s1"), draw(B, "s1", "s2")], now)
    assert (two.pairs, two.same) == ([(0, 1), (1, 0)], True)


def test_a_draw_whose_last_bits_differ_goes_by_the_generator_s_state(tmp_path: Path) -> None:
    near = np.nextafter(A, np.float32(9))
    now = [draw(C, "other", "s9"), draw(near, "s0", "s1", "randn_tensor")]
    two = Two(tmp_path, [draw(A, "s0", "s1")], now)
    assert (two.pairs, two.extra, two.same) == ([(0, 1)], [0], False)


def test_the_same_state_gives_no_pair_where_another_shape_was_drawn(tmp_path: Path) -> None:
    two = Two(tmp_path, [draw(A, "s0", "s1")], [draw(A[:2], "s0", "s9")])
    assert (two.pairs, two.missing, two.extra) == ([], [0], [0])


def test_a_draw_of_a_state_that_is_not_known_goes_in_order_by_its_shape(tmp_path: Path) -> None:
    golden = [draw(A, None), draw(B[:1], None), draw(C, None)]
    now = [draw(D[:1], None, function="normal_"), draw(D, None), draw(D + 1, None)]
    assert Two(tmp_path, golden, now).pairs == [(0, 1), (1, 0), (2, 2)]


PIECES = [draw(A[place : place + 1], f"s{place}", f"s{place + 1}") for place in range(4)]
WHOLE = [draw(A, "s0", "s4")]


def test_one_draw_and_its_pieces_are_regrouped(tmp_path: Path) -> None:
    two = Two(tmp_path, WHOLE, PIECES)
    assert (two.pairs, two.missing, two.extra) == ([], [], [])
    assert (two.regrouped, two.same) == ([([0], [0, 1, 2, 3])], True)


def test_pieces_that_became_one_draw_are_regrouped(tmp_path: Path) -> None:
    assert Two(tmp_path, PIECES, WHOLE).regrouped == [([0, 1, 2, 3], [0])]


@pytest.mark.parametrize(
    "pieces",
    [
        PIECES[:3],  # fewer numbers
        [*PIECES[:3], draw(A[3:], "s3", "elsewhere")],  # another state at the end
        [PIECES[0], PIECES[2], PIECES[3]],  # a gap
        [*PIECES[:3], draw(A[3:].astype(np.float64), "s3", "s4")],  # another dtype
    ],
)
def test_what_is_not_the_same_draw_in_pieces_is_missing_and_extra(tmp_path: Path, pieces: list[Call]) -> None:
    two = Two(tmp_path, WHOLE, pieces)
    assert two.regrouped == []
    assert two.missing == [0]
    assert two.extra == list(range(len(pieces)))


def test_pairs_come_in_the_golden_s_order(tmp_path: Path) -> None:
    golden = [draw(A, "s0", "s1"), forward(A), draw(B, "s1", "s2"), forward(B)]
    now = [forward(A), draw(B, "s1", "s2"), draw(A, "s0", "s1"), forward(B)]
    assert Two(tmp_path, golden, now).pairs == [(0, 2), (1, 0), (2, 1), (3, 3)]


def test_tensors_that_differ_in_number_alone_are_the_same(tmp_path: Path) -> None:
    assert Two(tmp_path, [forward(A)], [forward(A), forward(A)]).same
    assert not Two(tmp_path, [forward(A)], [forward(A), forward(B)]).same
    assert not Two(tmp_path, [forward(A), forward(B)], [forward(A)]).same


KINDS = st.sampled_from(
    [forward(A), forward(B), forward(A, "vae"), draw(A, "s0", "s1"), draw(B, None), *PIECES]
)


@settings(max_examples=30, deadline=None)
@given(st.lists(KINDS, max_size=7), st.lists(KINDS, max_size=7))
def test_every_event_is_told_once(
    tmp_path_factory: pytest.TempPathFactory, golden: list[Call], now: list[Call]
) -> None:
    two = Two(tmp_path_factory.mktemp("two"), golden, now)
    ours = [one for one, _ in two.pairs] + two.missing + [one for group, _ in two.regrouped for one in group]
    theirs = [one for _, one in two.pairs] + two.extra + [one for _, group in two.regrouped for one in group]
    assert sorted(ours) == list(range(len(golden)))
    assert sorted(theirs) == list(range(len(now)))


@settings(max_examples=30, deadline=None)
@given(st.lists(KINDS, max_size=7), st.randoms())
def test_the_same_events_in_any_order_are_all_paired(
    tmp_path_factory: pytest.TempPathFactory, golden: list[Call], random: Any
) -> None:
    now = list(golden)
    random.shuffle(now)
    two = Two(tmp_path_factory.mktemp("two"), golden, now)
    assert (two.missing, two.extra, two.regrouped, two.same) == ([], [], [], True)
