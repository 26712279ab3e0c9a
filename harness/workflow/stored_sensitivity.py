"""`harness sensitivity --stored`: whether the faults that were caught once are still caught, without a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.core.case import Case
from harness.core.faults import FAULTS
from harness.core.next_step import harness_step
from harness.core.reasons import said
from harness.core.sensitivity import Sensitivity, SensitivityReport, SensitivityResult, SensitivityState
from harness.diagnose.sensitivity import scores, sharpness
from harness.errors import HarnessError, UnreadableGolden
from harness.golden.beside import Unusable
from harness.golden.sensitivities import SENSITIVITY, read_sensitivity
from harness.golden.store import GoldenStore
from harness.report.json_report import write_text
from harness.report.sensitivity_view import sensitivity_json
from harness.report.terminal import Screen
from harness.workflow.chosen import chosen_cases
from harness.workflow.emit import emit_json
from harness.workflow.options import Options
from harness.workflow.sensitivity import Newer, ruler, tighten


def stored_sensitivity(options: Options, screen: Screen) -> int:
    """Judge what lies beside the goldens of the cases that state a `min_sensitivity`; returns the exit code.

    What was measured under other limits than today's, for another golden or definition, or with other faults
    than there are now says nothing, and is an `error`, as no golden is: nothing that was loosened passes unseen.
    """
    store = GoldenStore(options.goldens)
    cases = [case for case in chosen_cases(options, screen) if case.min_sensitivity is not None]
    report = SensitivityReport(None, tuple(result for case in cases for result in _results(case, store)))
    text = sensitivity_json(report)
    # Not over the last real run's file, which alone holds the ladder.
    write_text(options.out / "sensitivity-stored.json", text)
    emit_json(text, options)
    screen.show_sensitivity(report)
    return report.exit_code()


def _results(case: Case, store: GoldenStore) -> Iterator[SensitivityResult]:
    platforms = store.platforms(case.id)
    if not platforms:
        reasons, step = said(f"no golden in {store.root}"), harness_step("record one", "record", case.id)
        yield SensitivityResult(
            case.id, SensitivityState.ERROR, reasons, 0.0, case.min_sensitivity, next_steps=(step,)
        )
    for platform in platforms:
        golden = store.path(case.id, platform)
        try:
            yield _result(case, platform, golden, _measured(case, golden, store))
        except HarnessError as error:
            anew = harness_step("plant the faults anew, on this platform", "sensitivity", case.id)
            # A reason of these two kinds ends with the next step; nothing new may replace the file.
            steps = () if isinstance(error, Newer | UnreadableGolden) else (anew,)
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
    """What is stored says nothing about the case as it is now."""


def _measured(case: Case, golden: Path, store: GoldenStore) -> Sensitivity:
    """What was measured under the limits of today; raises HarnessError where there is nothing of the kind."""
    document = store.document(golden)
    if document.digest != case.digest():
        raise _Outdated(f"{golden}: was recorded from a different definition of this case")
    found = read_sensitivity(golden, document)
    if isinstance(found, Unusable):
        raise (Newer if found.newer else _Outdated)(found.reason)
    limits = ruler(case, golden)
    if found.limits != limits.digest():
        raise _Outdated(f"{golden}: its limits are others than those that the faults were judged by")
    tried = [(fault.fault, fault.strength) for fault in found.faults]
    known = [(fault.name, fault.strength) for fault in FAULTS.values()]
    if tried != known:
        others = sorted({name for name, _ in set(tried) ^ set(known)}) or ["their order"]
        raise _Outdated(f"{golden}: the catalogue of faults has changed since ({', '.join(others)})")
    judged = {one.relation for fault in found.faults for one in fault.sightings}
    if judged and judged != set(limits.allowed):
        relations = ", ".join(sorted(judged))
        raise _Outdated(f"{SENSITIVITY.path(golden)}: contradicts itself (judged under {relations})")
    return found


def _result(case: Case, platform: str, golden: Path, found: Sensitivity) -> SensitivityResult:
    state, reason = sharpness(case, found.faults)
    relations = tuple(dict.fromkeys(one.relation for fault in found.faults for one in fault.sightings))
    return SensitivityResult(
        case.id,
        state,
        said(reason),
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
