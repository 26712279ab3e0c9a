"""What to do next: why, and the command that does it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NextStep:
    """One way to go on: `argv` is the command, word by word, and `why` says when or what for.

    Either may be empty: a step without a command of ours has only a `why`, a self-explanatory command has none.
    """

    why: str = ""
    argv: tuple[str, ...] = ()


NextSteps = tuple[NextStep, ...]
"""The possible next steps for a result, in order; not all of them are required."""


def harness_step(why: str, *words: str) -> NextStep:
    """The step that runs `harness` with these words, unquoted."""
    return NextStep(why, ("harness", *words))


def advice(why: str) -> NextSteps:
    """A single step without a command; no step for ""."""
    return (NextStep(why),) if why else ()


UNMEANT = "if the change is not intended"

FIND = "find where it began and fix that"
"""The first step of a failed case if its cause is unknown; `explain` shows where it began."""


def failure_steps(
    case: str, moved: tuple[str, ...] = (), *, suspects: tuple[str, ...] = (), forced: bool = False
) -> NextSteps:
    """What to do about a failed case, whether the change is intended or not.

    `moved` are versions to go back to, `suspects` all packages that moved, the most likely cause first.
    """
    back = f"go back to {', '.join(moved)} or fix what moved the case" if moved else FIND
    how = ("--forced",) if forced else ()
    blame = (harness_step(_blame_words(suspects), "blame", case),) if suspects else ()
    return (
        harness_step(f"{UNMEANT}, {back}", "explain", *how, case),
        *blame,
        accept_step("if the change is intended", case),
    )


_ACCEPT = ("harness", "accept")


def accept_step(why: str, *cases: str, out: str = "") -> NextStep:
    """The step that accepts what was judged in the output folder `out`, "" for the default.

    What stands for the reason is refused until somebody says why.
    """
    return harness_step(why, "accept", *(("--out", out) if out else ()), *cases, "--reason", "...")


def judged_in(steps: NextSteps, out: str) -> NextSteps:
    """The steps, in which those that accept name the output folder of the verify, "" for the default."""
    return tuple(
        NextStep(step.why, (*_ACCEPT, "--out", out, *step.argv[2:]))
        if out and step.argv[:2] == _ACCEPT
        else step
        for step in steps
    )


def without_accept(steps: NextSteps) -> NextSteps:
    """The steps without those that accept: what was judged under other versions can be no golden."""
    return tuple(step for step in steps if step.argv[:2] != _ACCEPT)


_MOST_SUSPECTS = 4


def _blame_words(suspects: tuple[str, ...]) -> str:
    shown, more = suspects[:_MOST_SUSPECTS], len(suspects) - _MOST_SUSPECTS
    named = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    return f"to prove whether {named} did it" if len(suspects) == 1 else f"to learn which of {named} did it"


def rename_step(old: str, new: str) -> NextStep:
    """The step that moves the golden of a renamed case; of the whole family if both have the same matrix values."""
    old_config, at, ours = old.partition("@")
    new_config, _, theirs = new.partition("@")
    names = (old_config, new_config) if at and ours == theirs else (old, new)
    return harness_step("if the case was renamed, move its golden along", "rename", "--goldens-only", *names)


def stream_steps(case: str, source: str, drawn: str) -> NextSteps:
    """What to do about a case whose golden comes from other hardware, which has its own stream for `drawn`."""
    why = f"other hardware has its own stream for {drawn}, so record a golden here"
    return (
        harness_step(why, "record", "--update", case),
        NextStep(
            f"set `tolerance: {{cross-hardware: refuse}}` in {source}, "
            "or pass the noise in its call (`$noise`)"
        ),
    )
