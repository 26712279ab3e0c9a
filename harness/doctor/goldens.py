"""What is wrong with the goldens of the cases, as far as their files tell."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from harness.core.capture import CaptureDocument
from harness.core.case import Case
from harness.core.results.doctor import Finding, Harm
from harness.core.tolerance import Relation, Rule
from harness.errors import HarnessError, UnreadableGolden
from harness.golden.calibrations import CALIBRATION
from harness.golden.completeness import check_whole, lacks_trace
from harness.golden.obsolete import obsolete, stored
from harness.golden.sidecar import Unusable
from harness.golden.store import GoldenStore
from harness.invocation.command_line import command
from harness.judge.calibrated import calibration_of
from harness.judge.warned import capture_warnings


def golden_findings(
    case: Case, store: GoldenStore, device: str, installed: Mapping[str, str]
) -> Iterator[Finding]:
    """The findings about the goldens of a case; `device` is the kind of platform here, as in `cpu`.

    `installed` holds the versions of the packages that are installed, by name.
    """
    platforms = store.platforms(case.id)
    if not any(platform.startswith(f"{device}-") for platform in platforms) and not case.golden_optional:
        which = f"on {device}" if platforms else "on any platform"
        yield Finding(Harm.USELESS, f"has no golden {which}", command("record"), (case.id,))
    for platform in platforms:
        path = store.path(case.id, platform)
        try:
            yield from _of_golden(case, path, store, installed)
        except UnreadableGolden as error:
            yield Finding(
                Harm.USELESS, _without(path, error.what), error.remedy or "restore it", (str(path),)
            )
        except HarnessError as error:
            yield Finding(Harm.USELESS, _without(path, str(error)), "restore it", (str(path),))


def unused_findings(root: Path, ids: Collection[str]) -> Iterator[Finding]:
    """A finding about the files among the goldens that belong to no case."""
    unused = obsolete(stored(root), ids)
    if unused:
        places = tuple(one.file.path.as_posix() for one in unused)
        yield Finding(Harm.USELESS, "belongs to no case", command("prune"), places)


def _of_golden(case: Case, path: Path, store: GoldenStore, installed: Mapping[str, str]) -> Iterator[Finding]:
    with store.open(path) as golden:
        check_whole(golden)
        document, lacking = golden.document, lacks_trace(golden, case.trace_level)
    again = command("record", "--update", case.id)
    if document.digest != case.digest():
        what = "was recorded from a different definition of the case"
        yield Finding(Harm.USELESS, what, again, (str(path),))
    elif lacking:
        yield Finding(Harm.USELESS, "; ".join(lacking), again, (str(path),))
    yield from _moved(case, path, document, installed)
    yield from _limits(case, path)
    for warning in capture_warnings(case, document):
        yield Finding(Harm.WEAK, f"was recorded with a warning: {warning}", "see the warning", (case.id,))


def _moved(
    case: Case, path: Path, document: CaptureDocument, installed: Mapping[str, str]
) -> Iterator[Finding]:
    """The packages with other versions than the golden's; they are what pins would hold."""
    packages = document.environment.software.packages
    moved = [
        f"{name} {version} -> {installed[name]}"
        for name, version in packages.items()
        if name in installed and installed[name] != version
    ]
    if moved:
        what = f"was recorded with other versions: {', '.join(moved)}"
        fix = f"pin the golden's versions, or judge the new ones: {command('verify', case.id)}"
        yield Finding(Harm.DIFFERS, what, fix, (str(path),))


def _limits(case: Case, path: Path) -> Iterator[Finding]:
    allowances = [case.tolerance.for_relation(relation) for relation in Relation]
    if Rule.CALIBRATED not in allowances and not os.path.lexists(CALIBRATION.path(path)):
        return
    found = calibration_of(path)
    if isinstance(found, Unusable) and (found.damaged or Rule.CALIBRATED in allowances):
        what = f"its limits cannot be used: {_without(path, found.reason)}"
        yield Finding(Harm.USELESS, what, command("calibrate", case.id), (str(path),))


def _without(path: Path, sentence: str) -> str:
    """The sentence without the path at its beginning, which stands before it anyway."""
    return sentence.removeprefix(f"{path}: ")
