"""What a capture has to warn of, for whoever shows it."""

from __future__ import annotations

from harness.core.capture import CaptureDocument
from harness.core.case import Case, GeneratorKind


def capture_warnings(case: Case, document: CaptureDocument) -> tuple[str, ...]:
    """The warnings of a run of `case`, also of draws from a generator that the case knows nothing of."""
    if not document.global_rngs or case.generator is GeneratorKind.NONE:
        return document.warnings
    drawn = ", ".join(document.global_rngs)
    return (
        *document.warnings,
        f"{drawn}: the pipeline drew from the global generator beside the one it was given",
    )
