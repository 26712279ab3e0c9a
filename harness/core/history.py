"""The memory of a golden: who made it what it is, when and why, and what somebody refused to accept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.core.environment import Change


@dataclass(frozen=True, slots=True)
class TensorDifference:
    """The metrics between two runs of one tensor, by metric name; infinite if undefined."""

    tensor: str
    metrics: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Person:
    """Who decided: the git identity of the project or, without one, the `system` user, who has no e-mail address."""

    name: str
    email: str = ""
    source: Literal["git", "system"] = "git"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides something about a case, when (UTC in ISO 8601), and why ("" if no reason was given).

    `verdict`, `metrics` and `cause` (a fingerprint) are those of the judgement that it is about; None and empty if
    there was none.
    """

    by: Person
    at: str
    reason: str = ""
    verdict: str | None = None
    cause: str | None = None
    metrics: tuple[TensorDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """A failure that somebody looked at and refused: as long as it is the same, reports say so.

    `cause` is its fingerprint. Where outputs were compared with nothing (no golden, or one of another definition),
    `outputs` is the digest of those that were refused: any other output is another failure.
    """

    cause: str
    by: Person
    at: str
    reason: str
    verdict: str
    outputs: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Who promoted a draft, when, and why ("" if no further reason was given)."""

    by: Person
    at: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One time that a golden changed: by `record`, by `accept`, or by `rename`, which changes nothing but its name.

    `by` is None in an entry that stands for a golden without a history. `outputs` is the digest of the golden's
    outputs from then on, `replaced` the sha256 of the file that it replaced, None if there was none. `verdict`, `cause`
    and `metrics` (the outputs furthest from the golden before) are those of the judgement before; `definition` and
    `environment` hold only what changed. `rejections` are those that ended with it, `confirmed` is who promoted it
    if it was a draft, `renamed` the case's id before.
    """

    how: str
    at: str
    by: Person | None
    reason: str
    outputs: str
    replaced: str | None = None
    verdict: str | None = None
    cause: str | None = None
    metrics: tuple[TensorDifference, ...] = ()
    definition: tuple[Change, ...] = ()
    environment: tuple[Change, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    confirmed: Confirmation | None = None
    renamed: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What makes a capture a draft: the `entry` that its confirmation will append to the history.

    `golden` is the sha256 of the golden's file when the draft was made, None if there was none; `runs` is how many
    runs it stands for.
    """

    golden: str | None
    runs: int
    entry: Entry


MOST_METRICS = 4
"""How many outputs of a judgement an entry keeps."""

_KEPT = ("max_abs", "rel_l2", "psnr")


def furthest(differences: tuple[TensorDifference, ...]) -> tuple[TensorDifference, ...]:
    """The MOST_METRICS outputs furthest from the golden by rel_l2, undefined ones first, with their main metrics."""
    ranked = sorted(differences, key=_distance, reverse=True)[:MOST_METRICS]
    return tuple(
        TensorDifference(one.tensor, {name: one.metrics[name] for name in _KEPT if name in one.metrics})
        for one in ranked
    )


def _distance(one: TensorDifference) -> float:
    value = one.metrics.get("rel_l2")
    return float("inf") if value is None else value
