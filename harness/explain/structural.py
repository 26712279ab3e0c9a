"""What it means if an event is missing, was added, or comes at another place."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from harness.core.trace import Event
from harness.explain.pipeline_code import batch_changed
from harness.explain.timeline import Step, Timeline
from harness.judge.traces.stages import Role, Stage


@dataclass(frozen=True, slots=True)
class Changed:
    """An event that only one trace has, or that moved: `calls` gives how often it happens on each side.

    `means` says in words what follows from it, "" if nothing does.
    """

    stage: Stage
    event: Event
    how: Literal["missing", "extra", "moved"]
    calls: tuple[int, int]
    means: str = ""


def changed(line: Timeline, place: int) -> Changed:
    """What the change at `place` means for the pipeline."""
    step = line.steps[place]
    calls = _counts(line)
    if step.role is Role.NOISE and (parent := _stochastic_parent(line, step)) is not None:
        means = (
            "it draws noise, which the golden's did not"
            if step.item.golden is None
            else "it no longer draws noise"
        )
        return _changed(step, parent.event, Stage.SCHEDULER, calls, means)
    if step.role in (Role.DENOISER, Role.SCHEDULER) and not step.item.moved:
        if (loop := _loop_step(line, place, calls)) is not None:
            ours, theirs = calls[loop.event.name]
            means = f"the loop ran {theirs} instead of {ours} steps"
            return _changed(loop, loop.event, Stage.SCHEDULER, calls, means)
        if step.role is Role.DENOISER:
            return _changed(step, step.event, Stage.GUIDANCE, calls, "the number of steps is unchanged")
    if step.role in (Role.TOKENIZER, Role.TEXT) and _batch_changed(line):
        means = "the denoiser's batch changed with it: guidance was switched on or off"
        return _changed(step, step.event, Stage.GUIDANCE, calls, means)
    return _changed(step, step.event, step.role.stage, calls)


def _changed(
    step: Step, event: Event, stage: Stage, calls: dict[str, tuple[int, int]], means: str = ""
) -> Changed:
    how: Literal["missing", "extra", "moved"] = (
        "moved" if step.item.moved else "extra" if step.item.golden is None else "missing"
    )
    return Changed(stage, event, how, calls.get(event.name, (0, 0)), means)


def _counts(line: Timeline) -> dict[str, tuple[int, int]]:
    ours = Counter(step.event.name for step in line.steps if step.item.golden is not None)
    theirs = Counter(step.event.name for step in line.steps if step.item.now is not None)
    return {name: (ours[name], theirs[name]) for name in ours.keys() | theirs.keys()}


def _stochastic_parent(line: Timeline, step: Step) -> Step | None:
    """The scheduler's step that became random, or stopped being random; an extra draw among others does not count."""
    if step.item.parent is None or line.steps[step.item.parent].role is not Role.SCHEDULER:
        return None
    inside = line.inside(step.item.parent)
    one_sided = len({(one.item.golden is None, one.item.now is None) for one in inside}) == 1
    return line.steps[step.item.parent] if one_sided else None


def _loop_step(line: Timeline, place: int, calls: dict[str, tuple[int, int]]) -> Step | None:
    """The first scheduler step from `place` onward that only one side has, if the numbers of steps differ."""
    for step in line.steps[place:]:
        is_step = step.role is Role.SCHEDULER and step.event.signature.method.startswith("step")
        if is_step and step.difference is None:
            ours, theirs = calls[step.event.name]
            return step if ours != theirs else None
    return None


def _batch_changed(line: Timeline) -> bool:
    """Whether the first denoiser call has half or twice the batch."""
    first = next((step for step in line.steps if step.role is Role.DENOISER and step.difference), None)
    return first is not None and batch_changed(first, line.sides)
