"""`harness list`: the cases with device, tolerance and golden state, without starting anything."""

from __future__ import annotations

import os
from pathlib import Path

from harness.config.weights import absent
from harness.core.case import Case
from harness.core.recording import ListedCase, ListedGolden
from harness.core.tolerance import Relation, Rule
from harness.errors import ConfigError, HarnessError, NotAGolden
from harness.golden.beside import Unusable
from harness.golden.store import GoldenStore
from harness.report import json_report
from harness.report.terminal import Screen
from harness.run.expectation import expected_platform
from harness.verify.calibrated import calibration_of
from harness.workflow.chosen import selected, warn_of
from harness.workflow.commands import command
from harness.workflow.emit import emit_json
from harness.workflow.options import Options


def list_cases(options: Options, screen: Screen) -> int:
    """Returns 0; where configs have problems, shows the sound cases and raises ConfigError."""
    selection = selected(options)
    store = GoldenStore(options.goldens)
    platform = expected_platform(options.device)
    listed = [_listed(case, store, platform, screen) for case in selection.cases]
    emit_json(json_report.list_json(listed, selection.problems), options)
    if listed:
        screen.show_list(listed, platform)
    warn_of(selection, screen)
    if selection.problems:
        raise ConfigError(selection.problems)
    return 0


def _listed(case: Case, store: GoldenStore, platform: str, screen: Screen) -> ListedCase:
    return ListedCase(
        case=case.id,
        pipeline=case.pipeline,
        model=case.model.id,
        device=platform.partition("-")[0],
        tolerance={str(relation): str(case.tolerance.for_relation(relation)) for relation in Relation},
        goldens=tuple(_golden(case, store, name, screen) for name in store.platforms(case.id)),
        tags=case.tags,
        absent=tuple(os.path.normpath(Path(case.source).parent / name) for name in absent(case)),
    )


def _golden(case: Case, store: GoldenStore, platform: str, screen: Screen) -> ListedGolden:
    path = store.path(case.id, platform)
    try:
        stale = store.document(path).digest != case.digest()
        return ListedGolden(platform, stale, calibrated=_calibrated(case, path, screen))
    except NotAGolden as error:
        return ListedGolden(platform, stale=False, unusable=str(error))
    except HarnessError as error:
        return ListedGolden(platform, stale=False, readable=False, unusable=str(error))


def _calibrated(case: Case, golden: Path, screen: Screen) -> str:
    allowances = (case.tolerance.for_relation(relation) for relation in Relation)
    found = calibration_of(golden)
    if isinstance(found, Unusable) and found.damaged:
        screen.warn(f"{found.reason}; restore it, or run: {command('calibrate', case.id)}")
        return "damaged"
    if Rule.CALIBRATED not in allowances:
        return ""
    if isinstance(found, Unusable):
        return "missing"
    limits = [one.rel_l2 for one in found.limits(Relation.SAME_HARDWARE).values() if one.rel_l2 is not None]
    return f"rel_l2 {max(limits):.1e}" if limits else "exact"
