"""What to do next: why, and the command that does it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NextStep:
    """One way to go on: `argv` is the command, word by word, and `why` says when or what for.

    Either may be empty: a step that is no command of ours has only a `why`, a command that speaks for itself none.
    """

    why: str = ""
    argv: tuple[str, ...] = ()


NextSteps = tuple[NextStep, ...]
"""All that may be done about a result, in order; not each of them has to be."""


def harness_step(why: str, *words: str) -> NextStep:
    """The step of running `harness` with these words, none of them quoted."""
    return NextStep(why, ("harness", *words))


def advice(why: str) -> NextSteps:
    """The one step that is no command; none for ""."""
    return (NextStep(why),) if why else ()


UNMEANT = "if the change is not meant"

FIND = "find where it began and fix that"
"""What a failed case's first step says where nothing is known of its cause; `explain` shows where it began."""


def failure_steps(case: str, moved: tuple[str, ...] = (), *, forced: bool = False) -> NextSteps:
    """What to do about a failed case, whether the change is meant or not; `moved` are versions to go back to."""
    back = f"put back {', '.join(moved)} or fix what moved it" if moved else FIND
    how = ("--forced",) if forced else ()
    return (
        harness_step(f"{UNMEANT}, {back}", "explain", *how, case),
        harness_step("if the change is meant", "record", "--update", case),
    )


def stream_steps(case: str, source: str, drawn: str) -> NextSteps:
    """What to do about a case whose golden is of other hardware, which draws other numbers of the kind `drawn`."""
    why = f"other hardware has a stream of its own for {drawn}, so record a golden here"
    return (
        harness_step(why, "record", "--update", case),
        NextStep(
            f"set `tolerance: {{cross-hardware: refuse}}` in {source}, "
            "or hand the noise over in its call (`$noise`)"
        ),
    )
