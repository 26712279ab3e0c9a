"""Events in the order they began, with their parents, and equal descriptions stored once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.core.trace import Signature, Slot, Structure, TraceLevel
from harness.worker.trace.recorder import Recorded, Recorder
from harness.worker.trace.tree import Found

STRUCTURE = Structure({})


def found(**named: object) -> Found:
    result = Found()
    for name, value in named.items():
        result.add(name, value)
    return result


def recorder(level: TraceLevel = TraceLevel.COMPONENTS, spool: Path | None = None) -> Recorder:
    return Recorder(level, spool)


def events(recorded: Recorded) -> list[tuple[str, int, int]]:
    """Name, index and parent of each event."""
    return [
        (recorded.index.signatures[signature].name, index, parent)
        for signature, index, parent, _ in recorded.order.tolist()
    ]


def values(recorded: Recorded) -> list[object]:
    return [None if number < 0 else recorded.index.values[number] for *_, number in recorded.order.tolist()]


def test_events_are_in_the_order_they_began_with_what_they_happened_inside() -> None:
    it = recorder()
    for _ in range(2):
        with it.event("scheduler", "step", found()), it.event("noise", "randn_tensor", found()):
            pass
    with it.event("unet", "forward", found()), it.event("unet", "forward", found(), module="mid.0"):
        pass
    assert events(it.finish(STRUCTURE)) == [
        ("scheduler.step", 0, -1),
        ("noise.randn_tensor", 0, 0),
        ("scheduler.step", 1, -1),
        ("noise.randn_tensor", 1, 2),
        ("unet.forward", 0, -1),
        ("unet.mid.0.forward", 0, 4),
    ]


def test_an_event_that_raises_is_over_and_its_inputs_stay() -> None:
    it = recorder()
    with pytest.raises(ValueError, match="no"), it.event("unet", "forward", found(sample=torch.zeros(2))):
        raise ValueError("no")
    it.whole("pipeline", "output", found())
    recorded = it.finish(STRUCTURE)
    assert events(recorded) == [("unet.forward", 0, -1), ("pipeline.output", 0, -1)]
    assert recorded.index.signatures[0].inputs == (Slot("sample", "float32", (2,)),)


def test_the_slots_of_an_event_are_its_inputs_and_then_its_outputs() -> None:
    it, same = recorder(), torch.ones(2)
    with it.event("unet", "forward", found(a=same, b=torch.zeros(1, dtype=torch.bool))) as entry:
        it.result(entry, found(c=same))
    recorded = it.finish(STRUCTURE)
    assert recorded.index.signatures == (
        Signature(
            "unet",
            "forward",
            None,
            (Slot("a", "float32", (2,)), Slot("b", "bool", (1,))),
            (Slot("c", "float32", (2,)),),
        ),
    )
    assert recorded.slots.tolist() == [0, 1, 0]
    assert (str(recorded.order.dtype), str(recorded.slots.dtype)) == ("int32", "int32")


def test_equal_signatures_and_values_are_stored_once() -> None:
    it = recorder()
    for scale in (1.0, 2.0, 1.0):
        it.whole("scheduler", "step", found(sample=torch.rand(3), eta=scale))
    it.whole("scheduler", "step", found(sample=torch.rand(4), eta=1.0))
    it.whole("scheduler", "step", found(sample=torch.rand(4)))
    recorded = it.finish(STRUCTURE)
    assert len(recorded.index.signatures) == 2
    assert recorded.index.values == ({"eta": 1.0}, {"eta": 2.0})
    assert values(recorded) == [{"eta": 1.0}, {"eta": 2.0}, {"eta": 1.0}, {"eta": 1.0}, None]


def test_true_one_and_one_point_zero_are_different_values() -> None:
    it = recorder()
    for value in (True, 1, 1.0):
        it.whole("unet", "forward", found(value=value))
    assert [repr(one) for one in it.finish(STRUCTURE).index.values] == [
        "{'value': True}",
        "{'value': 1}",
        "{'value': 1.0}",
    ]


def test_small_tensors_of_whole_numbers_are_written_out() -> None:
    it = recorder()
    inputs = found(
        timestep=torch.tensor(981),
        mask=torch.tensor([True, False]),
        longest=torch.zeros(256, dtype=torch.int32),
        longer=torch.zeros(257, dtype=torch.int32),
        image=torch.zeros(2, dtype=torch.uint8),
        sample=torch.zeros(2),
    )
    with it.event("unet", "forward", inputs) as entry:
        it.result(entry, found(input_ids=[[1, 2]], flag=True))
    assert values(it.finish(STRUCTURE)) == [
        {
            "in:timestep": 981,
            "in:mask": [True, False],
            "in:longest": [0] * 256,
            "out:input_ids": [[1, 2]],
            "out:flag": True,
        }
    ]


def test_what_moved_no_tensor_can_be_taken_back_unless_something_happened_inside() -> None:
    it = recorder()
    with it.event("unet", "fuse", found()) as entry:
        pass
    assert it.forget(entry)
    with it.event("unet", "fuse", found()) as entry, it.event("noise", "rand", found()):
        pass
    assert not it.forget(entry)
    assert events(it.finish(STRUCTURE)) == [("unet.fuse", 0, -1), ("noise.rand", 0, 0)]


def test_only_the_full_level_keeps_tensors_and_only_those_of_components(tmp_path: Path) -> None:
    for level in TraceLevel:
        it = recorder(level, tmp_path / level)
        it.whole("unet", "forward", found(sample=torch.zeros(2)))
        with it.event("unet", "forward", found(sample=torch.ones(2)), module="mid"):
            pass
        rows = it.finish(STRUCTURE).rows
        assert rows.places.tolist() == ([0, -1] if level is TraceLevel.FULL else [-1, -1])
        assert (rows.spooled is not None) == (level is TraceLevel.FULL) == (tmp_path / level).exists()


def test_the_index_holds_level_and_classes() -> None:
    it = recorder()
    it.name_class("unet", "a.B")
    index = it.finish(STRUCTURE).index
    assert (index.level, index.classes, index.signatures) == (TraceLevel.COMPONENTS, {"unet": "a.B"}, ())


def test_a_trace_without_events_is_whole() -> None:
    recorded = recorder().finish(STRUCTURE)
    assert (recorded.order.shape, recorded.slots.shape, recorded.structure) == ((0, 4), (0,), STRUCTURE)
