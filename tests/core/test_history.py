"""What an entry of a history keeps of a judgement."""

from __future__ import annotations

from harness.core.history import MOST_METRICS, TensorDifference, furthest


def difference(tensor: str, rel_l2: float | None) -> TensorDifference:
    return TensorDifference(tensor, {"max_abs": 1.0, "mean_abs": 0.5, "rel_l2": rel_l2})


def test_the_outputs_furthest_away_are_kept_with_their_main_metrics() -> None:
    given = tuple(difference(name, size) for name, size in zip("abcdef", (1, 5, None, 3, 2, 4), strict=True))
    kept = furthest(given)
    assert [one.tensor for one in kept] == ["c", "b", "f", "d"]
    assert len(kept) == MOST_METRICS
    assert kept[1].metrics == {"max_abs": 1.0, "rel_l2": 5}
