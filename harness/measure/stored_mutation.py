"""The results of mutation testing that are stored next to the goldens, and whether they still fit today's limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.core.case import Case
from harness.core.measured.mutants import MUTANTS
from harness.core.measured.sensitivity import (
    Sensitivity,
    SensitivityResult,
    SensitivityState,
)
from harness.core.results.measure_reasons import NoGoldens
from harness.core.results.next_step import harness_step
from harness.core.results.reasons import said
from harness.errors import HarnessError, UnreadableGolden
from harness.golden.sensitivities import SENSITIVITY, read_sensitivity
from harness.golden.sidecar import Unusable
from harness.golden.store import GoldenStore
from harness.measure.detection import scores, sharpness
from harness.measure.mutation import Newer, limit_set, tighten


def stored_results(case: Case, store: GoldenStore) -> Iterator[SensitivityResult]:
    """The stored result for each golden of `case`, or why it is no longer valid."""
    platforms = store.platforms(case.id)
    if not platforms:
        reason, step = NoGoldens(str(store.root)), harness_step("record one", "record", case.id)
        yield SensitivityResult(
            case.id, SensitivityState.ERROR, (reason,), 0.0, case.min_sensitivity, next_steps=(step,)
        )
    for platform in platforms:
        golden = store.path(case.id, platform)
        try:
            yield _result(case, platform, golden, _measured(case, golden, store))
        except HarnessError as error:
            again = harness_step("plant the faults again, on this platform", "sensitivity", case.id)
            # The reason of these two ends with the next step, and no new result may replace the file.
            steps = () if isinstance(error, Newer | UnreadableGolden) else (again,)
            yield SensitivityResult(
                case.id,
                SensitivityState.ERROR,
                said(str(error)),
                0.0,
                case.min_sensitivity,
                next_steps=steps,
                platform=platform,
            )


class _Outdated(HarnessError):
    """The stored result is not valid for the case as it is now."""


def _measured(case: Case, golden: Path, store: GoldenStore) -> Sensitivity:
    """The stored result, measured under today's limits; raises HarnessError if there is none."""
    document = store.document(golden)
    if document.digest != case.digest():
        raise _Outdated(f"{golden}: was recorded from a different definition of this case")
    found = read_sensitivity(golden, document)
    if isinstance(found, Unusable):
        raise (Newer if found.newer else _Outdated)(found.reason)
    limits = limit_set(case, golden)
    if found.limits != limits.digest():
        raise _Outdated(f"{golden}: its limits differ from those that the faults were judged by")
    tried = [(fault.fault, fault.strength) for fault in found.faults]
    known = [(fault.name, fault.strength) for fault in MUTANTS.values()]
    if tried != known:
        others = sorted({name for name, _ in set(tried) ^ set(known)}) or ["their order"]
        raise _Outdated(f"{golden}: the catalogue of faults has changed since ({', '.join(others)})")
    judged = {one.relation for fault in found.faults for one in fault.sightings}
    if judged and judged != set(limits.allowed):
        relations = ", ".join(sorted(judged))
        raise _Outdated(f"{SENSITIVITY.path(golden)}: contradicts itself (judged under {relations})")
    return found


def _result(case: Case, platform: str, golden: Path, found: Sensitivity) -> SensitivityResult:
    state, reasons = sharpness(case, found.faults)
    relations = tuple(dict.fromkeys(one.relation for fault in found.faults for one in fault.sightings))
    return SensitivityResult(
        case.id,
        state,
        reasons,
        found.seconds,
        case.min_sensitivity,
        scores(found.faults, relations, forced=case.forced),
        found.faults,
        found.smallest,
        next_steps=tighten(case) if state is SensitivityState.BLUNT else (),
        platform=platform,
        path=SENSITIVITY.path(golden).as_posix(),
        forced=case.forced,
    )
