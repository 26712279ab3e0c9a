"""Find the module inside a network where a difference began."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from harness.core.results.verdict import Divergence
from harness.core.tolerance import Relation
from harness.core.trace import Event
from harness.explain.differences import JUMP, SMALL_JUMP, Difference, Sides, differences
from harness.golden.trace import Trace

_FLOOR = 1e-6  # rounding of one module whose inputs equal the golden's

_MATCHED = 8  # after this many modules matched bit for bit, the first that does not is worth naming


@dataclass(frozen=True, slots=True)
class ModuleDifference:
    """The innermost module where a network's difference began; `module` is its path in the component.

    `how` says whether it computes another result, is no longer called, or is newly called. `rel_l2` is
    that of its output, None if there is none; `sure` is False if other modules differ nearly as much.
    """

    component: str
    module: str
    how: Literal["result", "missing", "extra"]
    rel_l2: float | None
    sure: bool
    sentence: str


def first_module(
    golden: Trace, now: Trace, component: str, index: int, relation: Relation
) -> ModuleDifference | None:
    """The module where the difference in a component's calls began; None if no module shows it.

    `index` is the call to examine. If the golden does not hold its modules (it keeps those of the first
    call), another call of the golden whose modules got the same tensors is used, or else the first call whose
    modules both hold. Among modules whose inputs match while their output does not, the innermost is chosen, and
    of several the first; a module that is called on only one side comes before the module that calls it.
    """
    sides = Sides(golden, now)
    calls = _shared_call(sides, component, index)
    if calls is None:
        return None
    ours, theirs = _modules(golden, calls[0]), _modules(now, calls[1])
    shared_modules = [(ours[one], theirs[one]) for one in ours if one in theirs]
    begins = _begin(_by_end(golden, differences(sides, shared_modules)), relation)
    if 2 * len(shared_modules) >= len(ours):  # a release may rename its modules
        uncalled = _one_sided(sides, ours, theirs, begins[0] if begins and begins[1] else None)
        if uncalled is not None:
            return _uncalled(component, *uncalled)
    return None if begins is None else _told(sides, component, *begins)


def with_module(found: Divergence, module: ModuleDifference | None) -> Divergence:
    """The divergence with the module, if it belongs to the component where the difference began."""
    if module is None or module.component != found.component:
        return found
    return replace(found, module=module.module, sentence=f"{found.sentence}; {module.sentence}")


def _shared_call(sides: Sides, component: str, index: int) -> tuple[int, int] | None:
    """The positions of the two calls whose modules are compared."""
    ours, theirs = (_calls_with_modules(trace, component) for trace in (sides.golden, sides.now))
    shared = [(place, theirs[key]) for key, place in ours.items() if key in theirs]
    at_index = [(ours[key], theirs[key]) for key in ours if key in theirs and key[1] == index]
    others = [
        (place, other)
        for (name, _), place in ours.items()
        for (other_name, number), other in theirs.items()
        if name == other_name and number == index and _given_the_same(sides, place, other)
    ]
    return next(iter((*at_index, *others, *shared)), None)


def _given_the_same(sides: Sides, ours: int, theirs: int) -> bool:
    """Whether the first modules of two calls got the same bits, as if the calls had had the same inputs."""
    modules, others = _modules(sides.golden, ours), _modules(sides.now, theirs)
    pairs = [(modules[key], others[key]) for key in modules if key in others]
    found = differences(sides, pairs)
    first = next((one for one in found if sides.event(one).inputs), None)
    return first is not None and not first.inputs


def _calls_with_modules(trace: Trace, component: str) -> dict[tuple[str, int], int]:
    """The component's calls whose modules were recorded: position by key."""
    found: dict[tuple[str, int], int] = {}
    for place, event in enumerate(trace.events):
        signature = event.signature
        if signature.component == component and signature.module is not None:
            owner = _owner(trace, place)
            if owner is not None:
                found.setdefault(trace.events[owner].key, owner)
    return found


def _owner(trace: Trace, place: int) -> int | None:
    """The component-level event that a module's event happened inside."""
    component = trace.events[place].signature.component
    parent = trace.events[place].parent
    while parent is not None:
        signature = trace.events[parent].signature
        if signature.module is None:
            return parent if signature.component == component else None
        parent = trace.events[parent].parent
    return None


_Called = dict[tuple[str, str, int], int]
"""Positions of module events by path, method, and call number."""


def _modules(trace: Trace, owner: int) -> _Called:
    inside, counts, found = {owner}, Counter[tuple[str, str]](), _Called()
    for place in range(owner + 1, len(trace.events)):
        event = trace.events[place]
        if event.parent is None or event.parent < owner:
            break
        if event.parent in inside:
            inside.add(place)
            if event.signature.module is not None:
                name = event.signature.module, event.signature.method
                found[(*name, counts[name])] = place
                counts[name] += 1
    return found


def _one_sided(
    sides: Sides, ours: _Called, theirs: _Called, begins: Difference | None
) -> tuple[Event, bool] | None:
    """The outermost module that is called on only one side, and whether that side is the golden's.

    Of several, it is the first; if it is known where the difference begins, only modules inside that place count.
    """
    lost = sorted(place for key, place in ours.items() if key not in theirs)
    new = sorted(place for key, place in theirs.items() if key not in ours)
    for trace, places, outer in (
        (sides.golden, lost, None if begins is None else begins.golden),
        (sides.now, new, None if begins is None else begins.now),
    ):
        for place in places:
            if outer is None or _is_inside(trace, place, outer):
                return trace.events[place], trace is sides.golden
    return None


def _by_end(trace: Trace, found: list[Difference]) -> list[Difference]:
    """In the order in which the golden's events ended, so that inner events come first."""
    places = {one.golden: one for one in found}
    ordered, within = list[Difference](), list[int]()
    for place in sorted(places):
        while within and not _is_inside(trace, place, within[-1]):
            ordered.append(places[within.pop()])
        within.append(place)
    ordered += (places[place] for place in reversed(within))
    return ordered


def _is_inside(trace: Trace, place: int, outer: int) -> bool:
    parent = trace.events[place].parent
    while parent is not None and parent > outer:
        parent = trace.events[parent].parent
    return parent == outer


def _begin(found: list[Difference], relation: Relation) -> tuple[Difference, bool] | None:
    """The first module that gives another result for the same inputs, and whether that is certain."""
    exact = next((place for place, one in enumerate(found) if one.outputs and not one.inputs), None)
    if relation is Relation.SAME:
        return None if exact is None else (found[exact], True)
    jumps = (one for one, factor in _jumps(found) if factor >= (JUMP if one.inputs else SMALL_JUMP))
    if (jump := next(jumps, None)) is not None:
        return jump, True
    if exact is not None and exact >= _MATCHED and found[exact].error_out >= _FLOOR:
        return found[exact], False
    largest = max(_jumps(found), key=lambda pair: pair[1], default=None)
    return None if largest is None or largest[1] < 1 else (largest[0], False)


def _jumps(found: list[Difference]) -> Iterator[tuple[Difference, float]]:
    for one in found:
        if one.outputs and math.isfinite(one.error_in):
            yield one, one.error_out / max(one.error_in, _FLOOR)


def _told(sides: Sides, component: str, found: Difference, sure: bool) -> ModuleDifference:
    event = sides.event(found)
    module = str(event.signature.module)
    distance = max((sides.precise(one) for one in found.outputs), default=math.inf)
    known = distance if math.isfinite(distance) else None
    off = "differs" if known is None else f"is off by rel_l2 {known:.2g}"
    matched = (
        "its input matched bit for bit" if not found.inputs else f"its input is off by {found.error_in:.2g}"
    )
    doubt = "" if sure else " (uncertain: others differ nearly as much)"
    sentence = f"inside {component} it begins in {module}: {matched}, its output {off}{doubt}"
    return ModuleDifference(component, module, "result", known, sure, sentence)


def _uncalled(component: str, event: Event, missing: bool) -> ModuleDifference:
    module = str(event.signature.module)
    sentence = f"inside {component}, {module} is {'no longer called' if missing else 'newly called'}"
    return ModuleDifference(component, module, "missing" if missing else "extra", None, True, sentence)
