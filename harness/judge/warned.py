"""The warnings of a capture, for any report that shows them."""

from __future__ import annotations

from harness.core.capture import CaptureDocument
from harness.core.case import Case, GeneratorKind


def capture_warnings(case: Case, document: CaptureDocument) -> tuple[str, ...]:
    """The warnings of a run of `case`, including draws from a generator that the case does not know of."""
    if not document.global_rngs or case.generator is GeneratorKind.NONE:
        return document.warnings
    drawn = ", ".join(document.global_rngs)
    return (
        *document.warnings,
        f"{drawn}: the pipeline drew from the global generator in addition to the one it was given",
    )
