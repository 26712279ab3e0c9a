"""A capture: what one run of a case produced, and the other outcomes that a run can have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.core.case import Values
from harness.core.environment import Environment
from harness.core.history import Draft, Entry, TensorDifference
from harness.core.results.next_step import NextSteps
from harness.core.results.reasons import MissingName, OtherDevice

SCHEMA_VERSION = 1
"""The version of the JSON text `harness` in a golden's header."""

OUTPUT_PREFIX = "output/"


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall-clock seconds: `load` until the pipeline was ready (0 if it was reused), `run` for the call.

    `memory` is the peak of the call in bytes: of the device if that is a GPU, else of the whole process. None if the
    system does not say.
    """

    load: float
    run: float
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How a capture became the golden: `how` is record, update or accept; `at` is UTC in ISO 8601.

    `noise` holds the differences measured between the recording's two runs; empty when bit-identical.
    """

    how: str
    at: str
    runs: int
    harness_version: str
    noise: tuple[TensorDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file that was read for a run: the sha256 of its content, and its hub commit (None for local files)."""

    sha256: str
    commit: str | None = None


ProcessKind = Literal["spawned", "forked"]


@dataclass(frozen=True, slots=True)
class CaptureDocument:
    """The JSON text `harness` in the header of a capture or golden file.

    `commit` is the hub commit that the model came from, None for other models; `weights` holds the sha256 of
    each component's weights; `files` are those that the config adds to the model, by the config's key and the
    path as written there. `sha256` maps each tensor's name to the hex digest of its raw bytes as stored;
    `text` names the tensors that hold UTF-8 text, `absent` the output fields that were None, and
    `global_rngs` the global random generators (torch, cuda, numpy, python) that the pipeline drew from.
    `perturbed` counts how often a perturbation acted, None for a run without one; `forced` marks a forced
    replay. Neither kind can become a golden. `process` says how the worker was created: started as a program,
    or forked from a server that had imported what jobs need. `history` says how the golden came to be what it is, the
    latest entry last; it is empty for captures and for goldens older than histories. `draft` marks a capture that is
    only proposed as the golden.
    """

    schema: int
    case: str
    definition: Values
    digest: str
    environment: Environment
    sha256: Mapping[str, str]
    seconds: Timings
    text: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    global_rngs: tuple[str, ...] = ()
    filled_in: Values = field(default_factory=dict)
    commit: str | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    accepted: Acceptance | None = None
    perturbed: int | None = None
    forced: bool = False
    files: Mapping[str, LoadedFile] = field(default_factory=dict)
    process: ProcessKind = "spawned"
    history: tuple[Entry, ...] = ()
    draft: Draft | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """The pipeline returned; its capture is at `path`."""

    path: str
    environment: Environment
    seconds: float
    kind: Literal["completed"] = "completed"


@dataclass(frozen=True, slots=True)
class Raised:
    """The pipeline itself raised: `message` is the exception in one line, `traceback` its full text.

    `warnings` are those that libraries gave before.
    """

    message: str
    traceback: str
    environment: Environment
    seconds: float
    warnings: tuple[str, ...] = ()
    kind: Literal["raised"] = "raised"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The device or the model is not available here, for this `reason`; `other_device` is set if it is the device.

    `lacking` is set if it is a package that is not installed.
    """

    reason: str
    other_device: OtherDevice | None = None
    lacking: MissingName | None = None
    kind: Literal["unavailable"] = "unavailable"


@dataclass(frozen=True, slots=True)
class Lost:
    """The harness could not reach a verdict: a crash, a kill, a timeout, or a case that this pipeline cannot run.

    `log` holds the worker's last lines. `next_steps` is set if the reason concerns more than one case, such as
    a package that cannot be imported: every case that it stops then has the same words. `lacking` is set if the
    installed versions lack what the case asks for: other versions may have it.
    """

    reason: str
    log: tuple[str, ...] = ()
    next_steps: NextSteps = ()
    lacking: MissingName | None = None
    kind: Literal["lost"] = "lost"


Outcome = Completed | Raised | Unavailable | Lost
"""The outcome of running a case."""
