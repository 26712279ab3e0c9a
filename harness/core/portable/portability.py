"""What makes two runs portable between their CPUs, or prevents it, in the words of every report."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.environment import Environment, Hardware, differing_answers
from harness.core.tolerance import Allowance, Relation, Rule

_NAMED = 3  # operations named in a sentence


def named_operations(names: Sequence[str]) -> str:
    """`conv2d float32, exp float32, log float32 and 4 more`."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def portability_words(
    golden: Environment, now: Environment, relation: Relation, allowance: Allowance, *, asked: bool = False
) -> str:
    """What portability changed for a case that should be portable; "" if it made no difference.

    `relation` is the one under which `allowance` judges; `asked` says that the user asked for it.
    """
    if golden.platform != now.platform:
        return ""
    moved = now.hardware.device == "cpu" and golden.hardware != now.hardware
    if golden.switches.portable == now.switches.portable and not moved:
        return ""
    places = _places(golden.hardware, now.hardware) if moved else ""
    fact = _fact(golden, now, told=asked or relation is Relation.SAME)
    return f"{places}{fact}, {_judged(relation, allowance, asked=asked)}"


def _fact(golden: Environment, now: Environment, *, told: bool) -> str:
    """Whether the two are portable and, unless already `told`, that something else decides the relation."""
    there, here = golden.switches.portable, now.switches.portable
    if there and here:
        if wrong := differing_answers(golden, now):
            return f"portable, but {named_operations(wrong)} gave different bits there"
        return "portable" if told else "portable, but software or switches differ"
    if there:
        return f"the golden is portable and this run is not{_because(now)}"
    if here:
        return f"this run is portable and the golden is not{_because(golden)}"
    return f"not portable{_because(now) or _because(golden)}"


def _because(environment: Environment) -> str:
    return f" ({environment.not_portable})" if environment.not_portable else ""


def _judged(relation: Relation, allowance: Allowance, *, asked: bool) -> str:
    if asked:
        return f"judged under {relation} as requested"
    if relation is Relation.SAME:
        return "so judged bit for bit" if allowance is Rule.EXACT else f"so judged under {relation}"
    return f"so the limits of {relation} judge"


def _places(golden: Hardware, now: Hardware) -> str:
    there, here = _brand(golden), _brand(now)
    if there == here:
        there, here = golden.cpu_model, now.cpu_model
    return f"recorded on {there}, run on {here}: "


def _brand(hardware: Hardware) -> str:
    """The CPU's name without its family and model numbers."""
    return hardware.cpu_model.rpartition(" (")[0] or hardware.cpu_model or hardware.machine
