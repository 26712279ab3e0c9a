from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.explain.align import Alignment, align, component_parent
from harness.golden.trace import Trace
from tests.support.traces import Call, make_trace


def calls(text: str) -> list[Call]:
    """One event per letter."""
    return [Call(f"{letter}.forward") for letter in text]


def aligned(folder: Path, golden: list[Call], now: list[Call]) -> Alignment:
    sides = [make_trace(folder / name, one) for name, one in (("golden", golden), ("now", now))]
    return align(sides[0], sides[1])


@pytest.mark.parametrize(
    ("golden", "now", "missing", "extra", "moved"),
    [
        ("abc", "abc", (), (), ()),
        ("", "ab", (), (0, 1), ()),
        ("ab", "", (0, 1), (), ()),
        ("tsusuv", "tsuv", (3, 4), (), ()),
        ("abd", "abcd", (), (2,), ()),
        ("suxsuxsux", "suxnsuxnsux", (), (3, 7), ()),
        ("suxnsuxnsuxn", "suxnnsuxnnsuxnn", (), (4, 9, 14), ()),
        ("suxsuxsux", "susxsusxsusx", (), (2, 6, 10), ()),
        ("suxsux", "sxsx", (1, 4), (), ()),
        ("ususus", "uusuusuus", (), (1, 4, 7), ()),
        ("abc", "cab", (), (), (2,)),
        ("abc", "xbc", (0,), (0,), ()),
    ],
)
def test_events(golden: str, now: str, missing: tuple, extra: tuple, moved: tuple, tmp_path: Path) -> None:
    found = aligned(tmp_path, calls(golden), calls(now))
    assert (found.missing, found.extra, found.moved) == (missing, extra, moved)
    assert {golden[one] for one, two in found.pairs if golden[one] != now[two]} == set()
    assert len(found.pairs) == len(golden) - len(missing)


def test_pairs_stay_in_their_turn(tmp_path: Path) -> None:
    found = aligned(tmp_path, calls("suxn" * 3), calls("suxnn" * 3))
    assert found.pairs == tuple((4 * turn + i, 5 * turn + i) for turn in range(3) for i in range(4))


def test_extra_stands_where_it_came(tmp_path: Path) -> None:
    found = aligned(tmp_path, calls("abd"), calls("abcd"))
    assert [(item.golden, item.now) for item in found.items] == [(0, 0), (1, 1), (None, 2), (2, 3)]


def step(*draws: Call) -> Call:
    return Call("scheduler.step", inside=draws)


def draw(*shape: int) -> Call:
    return Call("noise.randn_tensor", {}, {"noise": np.zeros(shape)})


def test_parents_and_shapes_distinguish_draws(tmp_path: Path) -> None:
    found = aligned(tmp_path, [draw(2, 2), step()], [draw(3), draw(2, 2), step(draw(2, 2))])
    assert found.pairs == ((0, 1), (1, 2))
    assert found.extra == (0, 3)
    assert [item.parent for item in found.items] == [None, None, None, 2]


def test_modules_are_left_out(tmp_path: Path) -> None:
    golden = [Call("a.forward", inside=[Call("a:b.forward", inside=[draw(1)])])]
    found = aligned(tmp_path, golden, [Call("a.forward", inside=[draw(1)])])
    # the draw is inside a.forward on both sides, whatever module asked for it
    assert found.pairs == ((0, 0), (2, 1))
    assert (found.missing, found.extra) == ((), ())


def test_component_parent(tmp_path: Path) -> None:
    trace: Trace = make_trace(
        tmp_path / "a", [Call("a.forward", inside=[Call("a:b.forward", inside=[draw(1)])])]
    )
    assert component_parent(trace, 2) == 0
    assert component_parent(trace, 0) is None


def test_long_loops(tmp_path: Path) -> None:
    found = aligned(tmp_path, calls("su" * 1000 + "v"), calls("sun" * 1000 + "v"))
    assert len(found.pairs) == 2001
    assert len(found.extra) == 1000
