"""The sentences of an explanation."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.results.verdict import ExactFinding
from harness.core.trace import NOISE, PIPELINE, Event
from harness.explain.pipeline_code import Handed
from harness.explain.structural import Changed
from harness.explain.timeline import Timeline
from harness.judge.traces.stages import Role, Stage

FOLLOWS = "everything after follows from it"

_BEFORE = (
    (Role.NOISE, "the noise"),
    (Role.TEXT, "the prompt embeddings"),
    (Role.IMAGE, "the encoded image"),
)


def phrase(event: Event) -> str:
    """`the scheduler's step 3`, `the unet's call 0`, `the pipeline's output`."""
    component, method, index = event.signature.component, event.signature.method, event.index
    if component == NOISE:
        return f"draw {index} of noise ({method})"
    if component == PIPELINE:
        return "the pipeline's output" if method == "output" else "the call's arguments"
    if method in ("forward", "__call__"):
        return f"the {component}'s call {index}"
    if method == "step":
        return f"the {component}'s step {index}"
    return f"the {component}'s {method}" + (f" {index}" if index else "")


def before(line: Timeline, place: int) -> str:
    """`the noise and the prompt embeddings are bit-identical; `, "" if there is nothing to say."""
    names = []
    for role, name in _BEFORE:
        if role is line.steps[place].role:
            continue  # that is where it began
        steps = [step for step in line.steps[:place] if step.role is role and step.event.outputs]
        if steps and all(step.is_equal for step in steps):
            names.append(name)
    schedule = [
        step
        for step in line.steps[:place]
        if step.event.signature.method == "set_timesteps" and step.event.outputs
    ]
    if schedule and all(step.is_equal for step in schedule):
        names.append("the timesteps")
    if not names:
        return ""
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    plural = len(names) > 1 or names[0].endswith("s")
    return f"{listed} {'are' if plural else 'is'} bit-identical; "


def inside_sentence(event: Event, rel_l2: float | None, error_in: float, why: str) -> str:
    """A difference that begins inside an event; `why` is what else is known about it."""
    if event.signature.component == NOISE:
        return f"the first difference is {phrase(event)}: {why}"
    output = f"its output {_off(rel_l2)}{why}"
    if error_in:
        return f"{phrase(event)} stands out: its input was off by rel_l2 {error_in:.2g}, {output}"
    matched = "its input matched bit for bit, " if event.signature.inputs else ""
    return f"the first difference is {phrase(event)}: {matched}{output}"


def noise_words(line: Timeline, place: int) -> str:
    """Why other numbers were drawn, as far as the generator's state tells."""
    step = line.steps[place]
    assert step.difference is not None
    ours, theirs = (
        line.sides.golden.events[step.difference.golden],
        line.sides.now.events[step.difference.now],
    )
    where = [str(event.values.get("generator", "")) for event in (ours, theirs)]
    if where[0] != where[1]:
        return f"drawn on {where[1]}, but the golden's on {where[0]}"
    states = [event.values.get("before") for event in (ours, theirs)]
    if states[0] == states[1]:
        return "other numbers from the same state of the generator"
    if any(one.role is Role.NOISE for one in line.steps[:place]):
        return "the generator was used in between, or reset, after identical draws"
    return "the generator started from another state: another seed, or numbers drawn before"


def handed_sentence(event: Event, found: Handed, error_before: float) -> str:
    """A difference made by the pipeline's own code between two events; `error_before` is the error before it."""
    told = f"{found.sides[0]} in the golden, now {found.sides[1]}" if found.sides else _off(found.rel_l2)
    told = f"is {told}" if found.sides else told
    if event.signature.component != PIPELINE:
        subject = f"the input {found.slot} of {phrase(event)}"
    elif event.signature.method == "output":
        subject = f"{phrase(event)} ({found.slot})"
    else:
        return f"the pipeline was called differently: {found.slot} {told}"
    if error_before:
        lead = f"{subject} stands out: before it the error was {error_before:.2g}, it {told}"
    else:
        lead = f"the first difference is {subject}: all before it matched bit for bit, it {told}"
    return f"{lead}{_how(found)}; {_between(found)}"


def changed_sentence(found: Changed) -> str:
    """An event that is missing, new, or moved."""
    ours, theirs = found.calls
    how = {
        "missing": f"{phrase(found.event)} is missing ({theirs} of {ours} calls)",
        "extra": f"{phrase(found.event)} is new ({theirs} instead of {ours} calls)",
        "moved": f"{phrase(found.event)} comes at another place in the order",
    }[found.how]
    if found.means and found.event.signature.method.startswith("step") and ours == theirs:
        return f"the first difference is {phrase(found.event)}: {found.means}"
    return f"the first difference: {how}" + (f"; {found.means}" if found.means else "")


def finding_sentence(component: str, finding: ExactFinding) -> str:
    """A difference that only the exact channel shows."""
    return f"no number stands out, but {component} is configured differently: {told(finding)}"


def with_findings(sentence: str, findings: Sequence[ExactFinding]) -> str:
    """The sentence with the exact channel's finding on the same component."""
    return sentence + "".join(f"; exact: {told(finding)}" for finding in findings[:1])


def told(finding: ExactFinding) -> str:
    """`unet.norm1.eps: 1e-05 -> 1e-06`."""
    sides = ("absent" if side is None else side for side in (finding.golden, finding.now))
    return f"{finding.what}: {' -> '.join(sides)}"


def _off(rel_l2: float | None) -> str:
    return "differs" if rel_l2 is None else f"is off by rel_l2 {rel_l2:.2g}"


def _how(found: Handed) -> str:
    if found.swapped:
        return ", the golden's with its two halves swapped"
    if found.scale is not None:
        return f", the golden's times {found.scale:.6g}"
    if found.channels is not None:
        first, last = found.channels
        return f", only in channel {first}" if first == last else f", only in channels {first} to {last}"
    return ""


def _between(found: Handed) -> str:
    if found.producer is not None:
        return f"in the golden it is the output of {phrase(found.producer)}"
    return f"it is made by the pipeline's own code ({_STAGES[found.stage]})"


_STAGES = {stage: stage.replace("_", " ") for stage in Stage}
