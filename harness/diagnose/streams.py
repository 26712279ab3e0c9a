"""Which draws are other numbers on other hardware by nature: the same generator, state and seed, another stream."""

from __future__ import annotations

from harness.core.tolerance import Relation
from harness.core.verdict import Divergence
from harness.diagnose.stages import Role
from harness.diagnose.timeline import Timeline

_HALVES = ("float16", "bfloat16")


def own_stream(line: Timeline, found: Divergence | None, relation: Relation) -> str:
    """What kind of draw the difference began with, where each hardware has a stream of its own for it; else "".

    A device's generator has another algorithm or layout than a CPU's or another model's. In half precision torch's
    kernels for a CPU use up the same random bits in another way from one architecture to another: 200 values
    of `randn` in float16 lie 0.41 (rel_l2) from those in float32 on x86-64, 1.44 on an emulated aarch64, while those in
    float32 agree to 2e-7.
    """
    if found is None or relation is not Relation.CROSS_HARDWARE:
        return ""
    key = (found.event, found.index)
    step = next((one for one in line.steps if one.role is Role.NOISE and one.event.key == key), None)
    if step is None or step.difference is None:
        return ""
    ours = line.sides.golden.events[step.difference.golden]
    theirs = line.sides.now.events[step.difference.now]
    where = [str(event.values.get("generator", "")) for event in (ours, theirs)]
    if device := next((one for one in where if one not in ("", "cpu")), ""):
        return f"draws on {device.partition(':')[0]}"
    half = next((slot.dtype for slot in ours.signature.outputs if slot.dtype in _HALVES), "")
    same_state = ours.values.get("before") == theirs.values.get("before")
    return f"draws in {half}" if half and same_state else ""
