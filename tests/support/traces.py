"""Captures with a trace, from a list of calls with numpy arrays; rows interned here by bytes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.codec import to_json
from harness.core.trace import (
    ComponentStructure,
    Event,
    ModuleAttributes,
    Signature,
    Slot,
    Structure,
    TraceIndex,
    TraceLevel,
)
from harness.golden.tensors import TensorFile
from harness.golden.trace import Trace, read_trace
from tests.golden.builders import write_capture

CLASSES = {
    "scheduler": "diffusers.schedulers.scheduling_ddim.DDIMScheduler",
    "unet": "diffusers.models.unets.unet_2d_condition.UNet2DConditionModel",
    "vae": "diffusers.models.autoencoders.autoencoder_kl.AutoencoderKL",
    "tokenizer": "transformers.models.clip.tokenization_clip.CLIPTokenizer",
    "text_encoder": "transformers.models.clip.modeling_clip.CLIPTextModel",
    "image_processor": "diffusers.image_processor.VaeImageProcessor",
}


@dataclass
class Call:
    """One event: `name` is `unet.forward`, or `unet:mid_block.attn.forward` for a module's."""

    name: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, object] = field(default_factory=dict)
    inside: Sequence[Call] = ()

    def kind(self) -> tuple[str, str | None, str]:
        owner, method = self.name.rsplit(".", 1)
        component, _, module = owner.partition(":")
        return component, module or None, method


class Rows:
    """Distinct tensors by dtype, shape and bytes."""

    def __init__(self, keep: bool) -> None:
        self.keep = keep
        self.numbers: dict[tuple[str, tuple[int, ...], bytes], int] = {}
        self.arrays: list[np.ndarray] = []

    def number(self, array: np.ndarray) -> int:
        key = str(array.dtype), array.shape, array.tobytes()
        if key not in self.numbers:
            self.numbers[key] = len(self.arrays)
            self.arrays.append(array)
        return self.numbers[key]

    def tensors(self) -> dict[str, np.ndarray]:
        places = np.cumsum([0, *(array.nbytes for array in self.arrays)])[:-1]
        kept = b"".join(array.tobytes() for array in self.arrays)
        count = len(self.arrays)
        return {
            "trace/digests": np.array([list(_digest(one)) for one in self.arrays], np.uint8).reshape(-1, 16),
            "trace/norms": np.array([np.linalg.norm(_flat(one)) for one in self.arrays], np.float64),
            "trace/sketches": np.array([sketch(one) for one in self.arrays], np.float32).reshape(-1, 32),
            "trace/places": np.array(places if self.keep else [-1] * count, np.int64).reshape(-1),
            "trace/bits": np.frombuffer(kept if self.keep else b"", np.uint8),
        }


def _flat(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64).reshape(-1)


def _digest(array: np.ndarray) -> bytes:
    return hashlib.blake2b(array.tobytes(), digest_size=16).digest()


@cache
def _signs(length: int) -> np.ndarray:
    return np.random.default_rng(length).choice([-1.0, 1.0], size=(32, length))


def sketch(array: np.ndarray) -> np.ndarray:
    flat = np.nan_to_num(_flat(array), nan=0.0, posinf=0.0, neginf=0.0)
    return (_signs(flat.size) @ flat / np.sqrt(32)).astype(np.float32)


def write_trace(
    path: Path,
    calls: Sequence[Call],
    *,
    structure: Structure | None = None,
    classes: Mapping[str, str] = CLASSES,
    keep: bool = True,
    returned: Mapping[str, Any] | None = None,
    **document: Any,
) -> Path:
    """A capture at `path` with the trace of `calls` and these outputs `returned`; further fields are its document's."""
    rows, slots, order = Rows(keep), list[int](), list[tuple[int, int, int, int]]()
    signatures: list[Signature] = []
    values: list[Mapping[str, object]] = []
    counts = Counter[tuple[str, str | None, str]]()
    for call, parent in _in_order(calls):
        inputs, outputs = _arrays(call.inputs), _arrays(call.outputs)
        signature = Signature(*_named(call), _slots(inputs), _slots(outputs))
        if signature not in signatures:
            signatures.append(signature)
        known = {**_listed("in", inputs), **_listed("out", outputs), **call.values}
        values.append(known)
        kind = call.kind()
        order.append((signatures.index(signature), counts[kind], parent, len(values) - 1))
        counts[kind] += 1
        slots += (rows.number(array) for array in (*inputs.values(), *outputs.values()))
    index = TraceIndex(TraceLevel.FULL, tuple(signatures), tuple(values), classes)
    tensors = {
        "trace/events": _text(index),
        "trace/structure": _text(structure or structure_of()),
        "trace/order": np.array(order, np.int32).reshape(-1, 4),
        "trace/rows": np.array(slots, np.int32),
        **rows.tensors(),
    }
    return write_capture(path, {**tensors, **(returned or {})}, **document)


def open_trace(path: Path) -> Trace:
    with TensorFile(path) as file:
        trace = read_trace(file)
    assert trace is not None
    return trace


def make_trace(path: Path, calls: Sequence[Call], **options: Any) -> Trace:
    return open_trace(write_trace(path, calls, **options))


def structure_of(
    config: Mapping[str, Mapping[str, object]] | None = None,
    modules: Mapping[str, Mapping[str, Mapping[str, object]]] | None = None,
    kinds: Mapping[str, Mapping[str, Mapping[str, str]]] | None = None,
    training: Mapping[str, tuple[str, ...]] | None = None,
    classes: Mapping[str, str] = CLASSES,
) -> Structure:
    """A structure by component: configs, and by module path its values and kinds."""
    networks = {"unet": {"": {}}, "vae": {"": {}}, "text_encoder": {"": {}}, **(modules or {})}
    attributes: list[ModuleAttributes] = []
    components = {}
    for name, class_name in classes.items():
        paths = {}
        for path, held in networks.get(name, {}).items():
            paths[path] = len(attributes)
            attributes.append(ModuleAttributes(held, (kinds or {}).get(name, {}).get(path, {})))
        components[name] = ComponentStructure(
            class_name, (config or {}).get(name, {}), paths, (training or {}).get(name, ())
        )
    return Structure(components, tuple(attributes))


def names(events: Sequence[Event]) -> list[str]:
    return [event.name for event in events]


def _in_order(calls: Sequence[Call]) -> Iterator[tuple[Call, int]]:
    """Every call with the position of its parent, in the order in which they begin."""
    count = 0

    def walk(some: Sequence[Call], parent: int) -> Iterator[tuple[Call, int]]:
        nonlocal count
        for call in some:
            place, count = count, count + 1
            yield call, parent
            yield from walk(call.inside, place)

    yield from walk(calls, -1)


def _named(call: Call) -> tuple[str, str, str | None]:
    component, module, method = call.kind()
    return component, method, module


def _arrays(given: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in given.items()}


def _slots(arrays: Mapping[str, np.ndarray]) -> tuple[Slot, ...]:
    return tuple(Slot(name, str(array.dtype), array.shape) for name, array in arrays.items())


def _listed(way: str, arrays: Mapping[str, np.ndarray]) -> dict[str, object]:
    whole = {name: array for name, array in arrays.items() if array.dtype.kind in "bi" and array.size <= 256}
    return {f"{way}:{name}": array.tolist() for name, array in whole.items()}


def _text(value: object) -> np.ndarray:
    return np.frombuffer(to_json(value).encode(), np.uint8)
