"""Builds the review of a report: its failures by cause, each with its growth, its suspects and its pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.capture import CaptureDocument
from harness.core.measured.calibration import Calibration, Growth
from harness.core.results.explanation import GrowthRow, Suspect
from harness.core.results.groups import groups_of
from harness.core.results.verdict import CaseResult, Report
from harness.core.tolerance import Relation
from harness.errors import HarnessError, UnreadableGolden
from harness.explain.differences import Sides
from harness.explain.growth import benign_growth, growth
from harness.explain.suspects import changes, suspects
from harness.explain.timeline import timeline
from harness.golden.sidecar import Unusable
from harness.golden.tensors import TensorFile, file_sha256
from harness.judge.calibrated import calibration_beside
from harness.judge.evidence import Opened
from harness.pictures.drawing import drawing_of
from harness.pictures.kinds import Asked
from harness.pictures.outputs import output_names, output_of
from harness.report.page.review import Review, ReviewedCase, key_of
from harness.report.page.shown import Saved, Shown
from harness.report.wording import fails
from harness.review.page.showing import saved_beside, shown

_BYTES = 13_000_000  # of pictures in all, which base64 makes a third longer
_MOST_BYTES, _LEAST_BYTES = 400_000, 12_000  # of a case
_MOST_OUTPUTS = 8  # of a case

_ASKED = ("model", "seed", "steps", "scheduler", "generator")


@dataclass(frozen=True, slots=True)
class Where:
    """The folder of the report with its captures, the page that is to be written, and the folder of its pictures."""

    folder: Path
    page: Path
    pictures: Path

    def of(self, result: CaseResult, among: Sequence[CaseResult]) -> Where:
        """The same, with the folder of one case's pictures; each platform has its own if there are several."""
        folder = self.pictures / _folder(result.case)
        several = [one.case for one in among].count(result.case) > 1
        return replace(self, pictures=folder / _folder(result.platform or "none") if several else folder)


def review_of(
    report: Report, where: Where, out: str = "", growths: Mapping[str, tuple[GrowthRow, ...]] | None = None
) -> Review:
    """The review of `report`; pictures that the page cannot hold are saved beside it.

    A file that is missing, damaged or no longer the one that was judged is noted on its case, and so is what else
    cannot be shown: nothing here raises because of one case. Traces of cases that are not in `growths` are decoded.
    """
    passing = report.passing
    failed = [
        one for one in report.cases if fails(one, allow_missing=passing.allow_missing, strict=passing.strict)
    ]
    budget = max(_LEAST_BYTES, min(_MOST_BYTES, _BYTES // max(1, len(failed))))
    cases = {
        key_of(one): _reviewed(one, where.of(one, failed), budget, (growths or {}).get(one.case))
        for one in failed
    }
    return Review(report, groups_of(failed), cases, out)


def _reviewed(
    result: CaseResult, where: Where, budget: int, known: tuple[GrowthRow, ...] | None
) -> ReviewedCase:
    found = ReviewedCase(result, growth=known or ())
    with ExitStack() as open_files:
        notes = list[str]()
        golden = _opened(result.golden, result.golden_sha256, "golden", notes)
        now = _opened(
            _capture(result, where), result.capture.sha256 if result.capture else None, "capture", notes
        )
        for one in (golden, now):
            if one is not None:
                open_files.enter_context(one)
        side = now or golden
        if side is not None:
            found = replace(found, asked=tuple(_asked(side.document)))
        found = _explained(found, golden, now, notes, decoded=known is not None)
        found = replace(found, outputs=tuple(_outputs(result, golden, now, where, budget, notes)))
    return replace(found, notes=tuple(notes))


def _capture(result: CaseResult, where: Where) -> str | None:
    """The capture that was judged: in the folder of the report, which may have been moved, or else where it was."""
    if result.capture is None:
        return None
    beside = where.folder / "captures" / result.case / Path(result.capture.path).name
    moved = beside.is_file() and beside != Path(result.capture.path)
    return beside.as_posix() if moved and _is(beside, result.capture.sha256) else result.capture.path


def _is(path: Path, sha256: str) -> bool:
    with suppress(UnreadableGolden):
        return file_sha256(path) == sha256
    return False


def _opened(path: str | None, sha256: str | None, what: str, notes: list[str]) -> Opened | None:
    """The file, if it is the one that was judged."""
    if path is None:
        return None
    if not Path(path).is_file():
        notes.append(f"{path}: the {what} is not there, so it is not shown")
        return None
    try:
        if sha256 is not None and file_sha256(Path(path)) != sha256:
            notes.append(f"{path}: the {what} has changed since it was judged, so it is not shown")
            return None
        return Opened(TensorFile(Path(path)))
    except UnreadableGolden as error:
        notes.append(str(error))
        return None


def _asked(document: CaptureDocument) -> Iterator[tuple[str, str]]:
    """What the case asks for, in words."""
    definition = document.definition
    for name in _ASKED:
        value = definition.get(name)
        if isinstance(value, Mapping):
            value = value.get("id") or value.get("class_name") or json.dumps(value, ensure_ascii=False)
        if value is not None:
            yield name, str(value)
    call = definition.get("call")
    for name, value in call.items() if isinstance(call, Mapping) else ():
        yield str(name), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _explained(
    found: ReviewedCase, golden: Opened | None, now: Opened | None, notes: list[str], *, decoded: bool
) -> ReviewedCase:
    """With how the error grew and what may have caused it, as far as both files tell."""
    result = found.result
    if golden is None or now is None:
        return replace(found, suspects=suspects(result.first_divergence, result.environment_changes))
    changed = changes(golden.document, now.document)
    found = replace(found, suspects=_suspects(result, suspects(result.first_divergence, changed)))
    try:
        calibration = calibration_beside(golden.file, lambda: golden.trace)
        known = None if isinstance(calibration, Unusable) else calibration
        found = replace(found, benign=_benign(known, result), envelope=_envelope(known))
        return found if decoded else replace(found, growth=_growth(golden, now))
    except HarnessError as error:
        notes.append(str(error))
        return found


def _suspects(result: CaseResult, found: tuple[Suspect, ...]) -> tuple[Suspect, ...]:
    """Without what a stale definition says already, but in the same order."""
    told = {change.what for change in result.environment_changes}
    return tuple(
        one for one in found if one.change.what in told or not one.change.what.startswith("definition.")
    )


def _growth(golden: Opened, now: Opened) -> tuple[GrowthRow, ...]:
    if golden.document.digest != now.document.digest or golden.trace is None or now.trace is None:
        return ()
    return growth(timeline(Sides(golden.trace, now.trace)))


def _benign(calibration: Calibration | None, result: CaseResult) -> tuple[Growth, ...]:
    known = benign_growth(calibration, result.relation or Relation.SAME)
    curves = dict[str, list[float | None]]()
    for event, _index in sorted(known):
        curves.setdefault(event, []).append(known[event, _index])
    return tuple(Growth(event, tuple(curve)) for event, curve in curves.items())


def _envelope(calibration: Calibration | None) -> Mapping[str, Mapping[str, float]]:
    return {one.output: one.envelope for one in calibration.outputs} if calibration else {}


def _outputs(
    result: CaseResult, golden: Opened | None, now: Opened | None, where: Where, budget: int, notes: list[str]
) -> Iterator[Shown]:
    """The outputs, those that fail first."""
    files = [one.file for one in (golden, now) if one is not None]
    names = dict.fromkeys(name for file in files for name in output_names(file))
    verdicts = {tensor.name: tensor.verdict for tensor in result.tensors}
    ordered = sorted(names, key=lambda name: verdicts.get(name, result.verdict) != result.verdict)
    if len(ordered) > _MOST_OUTPUTS:
        notes.append(f"{len(ordered) - _MOST_OUTPUTS} of {len(ordered)} outputs are not shown")
    shared = budget // max(1, min(len(ordered), _MOST_OUTPUTS))
    for name in ordered[:_MOST_OUTPUTS]:
        try:
            yield _shown(name, golden, now, where, shared)
        except Exception as error:  # whatever a library raises for one output, the page shows the others
            notes.append(f"{name}: cannot be shown ({error})")


def _shown(name: str, golden: Opened | None, now: Opened | None, where: Where, budget: int) -> Shown:
    sides = [None if one is None else output_of(one.file, name) for one in (golden, now)]
    document = next(one.document for one in (now, golden) if one is not None)
    drawing = drawing_of(name, sides[0], sides[1], Asked.of(document))
    found = shown(drawing, budget)
    files: tuple[Saved, ...] = ()
    if found.golden or found.now:
        with suppress(HarnessError):
            files = saved_beside(drawing, where.pictures, where.page)
    return replace(found, files=files)


def _folder(case: str) -> Path:
    """The folder of a case; a report from elsewhere may name cases that lead out of it."""
    parts = [part for part in case.split("/") if part not in ("", ".", "..")]
    return Path(*(part.replace("\0", "_") for part in parts))
