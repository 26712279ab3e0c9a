"""The trace: what flowed through a pipeline as events in order, and how much of it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SKETCH_SIZE = 32
"""Float32 values per sketch; the relative standard error of an estimated distance is at most about
sqrt(2 / SKETCH_SIZE) = 25 % (Johnson and Lindenstrauss with random signs: Achlioptas 2003)."""

DIGEST_BYTES = 16

TRACE_VERSION = 1
"""Changes with the computation of digests and sketches and with the names of events: traces of different
versions cannot be compared."""

TRACE_PREFIX = "trace/"

EVENTS = f"{TRACE_PREFIX}events"
"""Tensor of UTF-8 JSON (a TraceIndex): the signatures and values that the events share."""
ORDER = f"{TRACE_PREFIX}order"
"""int32 [events, 4]: signature, index, parent (-1: none), values (-1: none) of each event."""
ROWS = f"{TRACE_PREFIX}rows"
"""int32 [slots]: the row of each input and output, event after event."""
DIGESTS = f"{TRACE_PREFIX}digests"
"""uint8 [rows, DIGEST_BYTES]: a digest of the exact bits."""
NORMS = f"{TRACE_PREFIX}norms"
"""float64 [rows]: the L2 norm."""
SKETCHES = f"{TRACE_PREFIX}sketches"
"""float32 [rows, SKETCH_SIZE]: the random projection."""
PLACES = f"{TRACE_PREFIX}places"
"""int64 [rows]: where the row's bytes begin in BITS; -1 if they are not kept."""
BITS = f"{TRACE_PREFIX}bits"
"""uint8: the bytes of the kept tensors, one after another."""
STRUCTURE = f"{TRACE_PREFIX}structure"
"""Tensor of UTF-8 JSON (a Structure): what the pipeline was made of."""


class TraceLevel(StrEnum):
    """How much of a run is recorded.

    COMPONENTS records noise draws, component calls and scheduler calls; FULL keeps their tensors as well,
    which forced replay needs, and the modules of the first call of every network; MODULES records the
    modules of every call.
    """

    NONE = "none"
    COMPONENTS = "components"
    FULL = "full"
    MODULES = "modules"


PIPELINE = "pipeline"
"""The component of the first and the last event: the pipeline's arguments and its result."""

NOISE = "noise"
"""The component of the events that draw random numbers."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One tensor among an event's inputs or outputs, named by its path, such as `sample`."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """What all events of the same kind and shape share.

    `component` is the pipeline's own name for what was called, `method` the method (`forward`, `step`,
    `encode`), `module` the path inside the component for the event of a module.
    """

    component: str
    method: str
    module: str | None
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]

    @property
    def name(self) -> str:
        """The event's name, `scheduler.step` or `unet.mid_block.resnets.0.forward`."""
        inner = f".{self.module}" if self.module else ""
        return f"{self.component}{inner}.{self.method}"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: `index` counts the events of this name from 0.

    `parent` is the position of the event it happened inside. `inputs` and `outputs` name rows, one for each
    slot of the signature. `values` are the arguments that are no tensors, and what else is exact.
    """

    signature: Signature
    index: int
    parent: int | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the signature."""
        return self.signature.name

    @property
    def key(self) -> tuple[str, int]:
        """The key that identifies the same event in another trace."""
        return self.name, self.index

    def slots(self) -> Iterator[tuple[Slot, int]]:
        """Every input, then every output, with its row."""
        yield from zip(self.signature.inputs, self.inputs, strict=True)
        yield from zip(self.signature.outputs, self.outputs, strict=True)


@dataclass(frozen=True, slots=True)
class TraceIndex:
    """The JSON next to the arrays: what the events refer to by number, and the class of each component.

    `classes` gives the qualified class name by component; `version` is the TRACE_VERSION it was recorded in.
    """

    level: TraceLevel
    signatures: tuple[Signature, ...]
    values: tuple[Mapping[str, object], ...]
    classes: Mapping[str, str]
    version: int = TRACE_VERSION


@dataclass(frozen=True, slots=True)
class ModuleAttributes:
    """Attributes shared by modules: `values` decide numbers, `kinds` name code."""

    values: Mapping[str, object]
    kinds: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ComponentStructure:
    """What a component was made of when the run began.

    `config` is its configuration; `modules` gives for each module's path (the component itself is "") an
    index into Structure.attributes; `training` names the modules in train mode.
    """

    class_name: str
    config: Mapping[str, object]
    modules: Mapping[str, int] = field(default_factory=dict)
    training: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Structure:
    """What the pipeline was made of: everything that is compared without a tolerance."""

    components: Mapping[str, ComponentStructure]
    attributes: tuple[ModuleAttributes, ...] = ()
