"""The word for one planted fault: where it sits, and what must be said of it."""

from __future__ import annotations

from dataclasses import dataclass

VARIABLE = "PLANTED_FAULT"
"""The environment variable that names the fault a process runs with."""

MARK = "PLANTED_FAULT_MARK"
"""The environment variable with the path of the file that is written when the fault takes effect."""


@dataclass(frozen=True)
class Fault:
    """One defect, and where it begins by its own definition.

    `library` is the module of diffusers or transformers that is patched as soon as it has been imported, by
    the last part of its name. `components` are the pipeline's own names that the finding may carry: one for
    a fault inside a component; producer and consumer for one in the pipeline's own code between two. `event`
    and `index` say the call, None where the definition leaves that open; `module` is the innermost module,
    None where the fault sits in no module, or in the component itself. `quick` faults run in every test run.
    """

    name: str
    what: str
    case: str
    library: str
    stage: str
    components: tuple[str, ...]
    event: str | None
    index: int | None = 0
    module: str | None = None
    quick: bool = False
