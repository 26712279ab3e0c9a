"""The exact channel: differences between two traces that need no tolerance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import repeat
from typing import Literal

from harness.core.results.verdict import ExactFinding
from harness.core.trace import NOISE, Event, Slot
from harness.golden.trace import Trace
from harness.judge.traces.pairing import Pairing, pair_events, same_tensors
from harness.judge.traces.structure import Mismatch, structure_mismatches, value_mismatches

Way = Literal["in", "out"]

_IDS_SHOWN = 6

_SAME_NUMBERS = 1e-6
"""The rel_l2 up to which two draws count as the same: the last bits depend on the processor's instruction set."""

_NOT_COMPARED = frozenset({"device", "dtype", "generator", "return_dict", "return_tensors"})
"""Arguments that choose the place or form of the result; dtypes are compared tensor by tensor."""


def exact_findings(golden: Trace, now: Trace, accepted: tuple[str, ...]) -> tuple[ExactFinding, ...]:
    """The differences in what is compared without a tolerance, similar ones grouped, failing ones first.

    What can change a number fails: config entries, modules' attributes, train mode, calls and their order,
    shapes, dtypes, ids, masks, whole-number timesteps, plain arguments. What only names an implementation
    (a class, an attention processor, the function that drew), or exists on one side only, is reported but
    does not fail. Neither do the counts and order of calls if both recorded exactly the same tensors, nor
    what `accepted` names: fnmatch patterns for names such as `scheduler.config.steps_offset`,
    `unet.mid_block.resnets.0.norm1.eps`, `unet.forward.timestep` or `noise.randn_tensor.calls`.
    """
    mismatches = (*structure_mismatches(golden.structure, now.structure), *_event_mismatches(golden, now))
    return tuple(sorted(_grouped(mismatches, accepted), key=lambda finding: not finding.fails))


def is_exact(slot: Slot, class_name: str) -> bool:
    """Whether a tensor must have the same bits wherever it is computed: ids, masks, integer timesteps.

    `class_name` is the class of the component that takes or returns it. uint8 means pictures.
    """
    if not slot.dtype.startswith(("int", "uint", "bool")) or slot.dtype == "uint8":
        return False
    name = slot.name.lower()
    if any(word in name for word in ("ids", "mask", "timestep", "class_labels")):
        return True
    return "Tokenizer" in class_name


def pair_mismatches(golden: Trace, ours: Event, now: Trace, theirs: Event) -> Iterator[Mismatch]:
    """The exact differences between an event and its counterpart; `what` begins with `in:` or `out:`.

    Plain arguments have no such prefix.
    """
    yield from _slot_mismatches(golden, ours, now, theirs, "in")
    plain, other_plain = _plain(ours), _plain(theirs)
    if plain != other_plain:
        for found in value_mismatches(ours.name, ours.name, plain, other_plain):
            yield _called(found, ours)
    yield from _slot_mismatches(golden, ours, now, theirs, "out")


def slots_of(event: Event, way: Way) -> Mapping[str, tuple[Slot, int]]:
    """The inputs or outputs of an event by name, each with its row number."""
    signature = event.signature
    slots, rows = (signature.inputs, event.inputs) if way == "in" else (signature.outputs, event.outputs)
    return {slot.name: (slot, row) for slot, row in zip(slots, rows, strict=True)}


def component_events(trace: Trace) -> list[Event]:
    """The events that do not belong to a module inside a component."""
    return [event for event in trace.events if event.signature.module is None]


def _event_mismatches(golden: Trace, now: Trace) -> Iterator[Mismatch]:
    found = pair_events(golden, now)
    # If every tensor equals the golden's, the number and order of the calls cannot move a number.
    fails = not same_tensors(golden, now, found)
    names = {id(two): one.name for one, two in found.pairs}
    loose = {id(event) for groups in found.regrouped for group in groups for event in group}
    sides = (
        [event.name for event in component_events(golden) if id(event) not in loose],
        [names.get(id(event), event.name) for event in component_events(now) if id(event) not in loose],
    )
    yield from _counts(*sides, fails=fails)
    yield from _other_functions(golden, now, found)
    for event, other in found.pairs:
        yield from pair_mismatches(golden, event, now, other)


def _other_functions(golden: Trace, now: Trace, found: Pairing) -> Iterator[Mismatch]:
    """Draws by another function, or in different pieces; a function that gives other numbers fails."""
    for one, two in found.pairs:
        if one.name != two.name:
            ours, theirs = one.signature.method, two.signature.method
            apart = max(map(golden.distance, one.outputs, repeat(now), two.outputs), default=0.0)
            fails = apart > _SAME_NUMBERS
            yield Mismatch(f"{one.name}.function", one.name, "function", ours, theirs, fails)
    for groups in found.regrouped:
        name = groups[0][0].name
        there, here = (f"{len(group)} of {list(group[0].signature.outputs[0].shape)}" for group in groups)
        yield Mismatch(f"{name}.draws", name, "draws", there, here, fails=False)


def _counts(golden: list[str], now: list[str], *, fails: bool) -> Iterator[Mismatch]:
    ours, theirs = Counter(golden), Counter(now)
    for name in dict.fromkeys((*golden, *now)):
        if ours[name] != theirs[name]:
            one, two = str(ours[name]), str(theirs[name])
            yield Mismatch(f"{name}.calls", name, "calls", one, two, fails)
    if ours == theirs and golden != now:
        first = next(place for place, pair in enumerate(zip(golden, now, strict=True)) if pair[0] != pair[1])
        one, two = (f"event {first} is {names[first]}" for names in (golden, now))
        yield Mismatch("events.order", "events", "order", one, two, fails)


def _plain(event: Event) -> Mapping[str, object]:
    """The event's values that are not copies of tensors and mean the same on every machine."""
    if event.signature.component == NOISE:
        return {}
    slots = {f"in:{slot.name}" for slot in event.signature.inputs}
    slots |= {f"out:{slot.name}" for slot in event.signature.outputs}
    return {
        key: value
        for key, value in event.values.items()
        if key not in slots and key.rpartition(".")[2] not in _NOT_COMPARED
    }


def _slot_mismatches(golden: Trace, ours: Event, now: Trace, theirs: Event, way: Way) -> Iterator[Mismatch]:
    class_name = golden.class_of(ours.signature.component)
    there, here = slots_of(ours, way), slots_of(theirs, way)
    for name in dict.fromkeys((*there, *here)):
        what = f"{way}:{name}"
        if name not in there or name not in here:
            one, two = (str(side[name][0]) if name in side else None for side in (there, here))
            yield _slot_mismatch(ours, what, name, one, two, fails=False)
            continue
        (slot, row), (other, other_row) = there[name], here[name]
        if slot.dtype != other.dtype:
            yield _slot_mismatch(ours, f"{what}.dtype", f"{name}.dtype", slot.dtype, other.dtype)
        if slot.shape != other.shape:
            one, two = str(list(slot.shape)), str(list(other.shape))
            yield _slot_mismatch(ours, f"{what}.shape", f"{name}.shape", one, two)
        elif is_exact(slot, class_name) and not golden.same(row, now, other_row):
            one, two = _told(ours.values.get(what), theirs.values.get(what))
            yield _slot_mismatch(ours, what, name, one, two)


def _slot_mismatch(
    event: Event, what: str, name: str, golden: str | None, now: str | None, *, fails: bool = True
) -> Mismatch:
    return Mismatch(f"{event.name}.{name}", event.name, what, golden, now, fails, event.index)


def _called(found: Mismatch, event: Event) -> Mismatch:
    return Mismatch(found.name, event.name, found.what, found.golden, found.now, found.fails, event.index)


def _told(golden: object, now: object) -> tuple[str, str]:
    """Both sides from the first differing number on; if the numbers are unknown, just that they differ."""
    ours, theirs = list(_flat(golden)), list(_flat(now))
    first = next((i for i, (one, two) in enumerate(zip(ours, theirs, strict=False)) if one != two), None)
    if first is None:
        return "different bits", "different bits"
    return _listed(ours, first), _listed(theirs, first)


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    elif value is not None:
        yield value


def _listed(values: list[object], first: int) -> str:
    if len(values) == 1:
        return str(values[0])
    some = ", ".join(str(value) for value in values[first : first + _IDS_SHOWN])
    before, after = "… " if first else "", " …" if first + _IDS_SHOWN < len(values) else ""
    return f"[{before}{some}{after}] from {first}" if first else f"[{some}{after}]"


def _grouped(mismatches: Iterable[Mismatch], accepted: tuple[str, ...]) -> Iterator[ExactFinding]:
    """One finding per kind of difference: modules that changed alike, and calls of one event, are grouped."""
    groups: dict[tuple[object, ...], list[Mismatch]] = defaultdict(list)
    for one in mismatches:
        fails = one.fails and not any(fnmatchcase(one.name, pattern) for pattern in accepted)
        # The calls of an event each differ in their own numbers; modules change together.
        alike = (one.golden, one.now) if one.at is None else None
        groups[one.scope, one.what, alike, one.at is None, fails].append(one)
    for key, group in groups.items():
        first = group[0]
        yield ExactFinding(_what(group), first.golden, first.now, fails=bool(key[-1]), name=first.name)


def _what(group: list[Mismatch]) -> str:
    first = group[0]
    called = f" at call {first.at}" if first.at is not None and (first.at or len(group) > 1) else ""
    return f"{first.name}{called}" + (f" and {len(group) - 1} more" if len(group) > 1 else "")
