"""What `harness blame` says: one sentence for each case, the changes on the way, and the same as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from harness.codec import to_json
from harness.core.environment import Change
from harness.core.results.blame import (
    FOUND,
    BadEndAgrees,
    Blame,
    BlamedChange,
    BlameOutcome,
    BlameReason,
    BlameReport,
    ChangeKind,
    GoodEndDiffers,
    NoCause,
    OwnChanges,
    SameEnds,
    Unsearchable,
    Unstable,
    Untold,
)
from harness.report.details import Line, packages_by_relevance
from harness.report.harmless import one_line
from harness.report.paint import Sheet, painted
from harness.report.wording import count_words, number

SCHEMA = 1

_MOST_NAMED = 3

_SHORT = 10
"""Digits of a commit or a digest that are shown."""


@dataclass(frozen=True, slots=True)
class _Blame:
    case: str
    outcome: BlameOutcome
    changes: tuple[Mapping[str, object], ...]
    companions: tuple[str, ...]
    moved: tuple[Change, ...]
    runs: int
    confirmed: bool
    seconds: float
    sentence: str
    reason: BlameReason | None


@dataclass(frozen=True, slots=True)
class _Document:
    schema: int
    finished: bool
    blames: tuple[_Blame, ...]


def blame_json(report: BlameReport) -> str:
    """The blame of each case, with its sentence; of the changes, `from` and `to` are null where a package is absent."""
    document = _Document(SCHEMA, report.finished, tuple(map(_entry, report.blames)))
    return to_json(document, indent=2) + "\n"


def _entry(blame: Blame) -> _Blame:
    changes = tuple(_change(one, blame.case) for one in blame.changes)
    return _Blame(
        blame.case, blame.outcome, changes, blame.companions, blame.moved, blame.runs, blame.confirmed,
        round(blame.seconds, 1), sentence(blame), blame.reason,
    )  # fmt: skip


def _change(one: BlamedChange, case: str) -> Mapping[str, object]:
    return {
        "package": one.package,
        "from": one.before,
        "to": one.after,
        "rel_l2": one.rel_l2,
        "kind": one.kind,
        "stage": one.first.stage if one.first else None,
        "untold": one.untold,
        "sentence": f"{_moves(one)} {_did(one, case)}",
    }


def blame_sections(report: BlameReport, console: Console, *, quiet: bool) -> list[list[Text]]:
    """The sections of the screen: the cases that share a cause together, then what could not be answered."""
    sections = [painted(_group(group, quiet=quiet), console) for group in _by_cause(report.blames)]
    tables = [_table(blame, console) for blame in report.blames if blame.every and blame.changes]
    return [*sections, *([] if quiet else tables), painted([Line(_end(report), bold=True, hang=0)], console)]


def _by_cause(blames: Iterable[Blame]) -> list[list[Blame]]:
    groups = dict[object, list[Blame]]()
    for blame in blames:
        what = tuple((one.package, one.before, one.after) for one in blame.changes)
        groups.setdefault((blame.outcome, what) if what else blame.case, []).append(blame)
    return list(groups.values())


def _group(group: Sequence[Blame], *, quiet: bool) -> Iterator[Line]:
    if len(group) > 1:
        names = " and ".join(_moves(one) for one in group[0].changes)
        yield Line(f"{names}: {count_words(len(group), 'case')} have this cause", bold=True, hang=0)
    for blame in group:
        yield Line(sentence(blame), 2 if len(group) > 1 else 0, bold=len(group) == 1)
        if quiet:
            continue
        # Of packages that only together make a difference, each begins it at the same place.
        found = dict.fromkeys(one_line(one.first.sentence) for one in blame.changes if one.first)
        yield from (Line(text, 4 if len(group) > 1 else 2) for text in found if not blame.every)


def _table(blame: Blame, console: Console) -> list[Text]:
    sheet = Sheet(("package", "from", "to", "kind", "rel_l2", "first in"), right=["rel_l2"])
    for one in blame.changes:
        first = _stage(one.first.stage) if one.first else "-"
        sheet.add(one.package, _version(one.before), _version(one.after), one.kind, number(one.rel_l2), first)
    return sheet.lines(console)


def _end(report: BlameReport) -> str:
    answered = sum(blame.outcome in FOUND for blame in report.blames)
    runs = count_words(sum(blame.runs for blame in report.blames), "run")
    total = count_words(len(report.blames), "case")
    return f"answered: {answered} of {total}, in {runs} (exit code {report.exit_code()})"


def sentence(blame: Blame) -> str:
    """What is known about a case, in one sentence without a full stop, for someone who has never used the harness."""
    if blame.outcome is BlameOutcome.BLAMED:
        return _every_words(blame) if blame.every else _blamed_words(blame)
    assert blame.reason is not None
    return _reason_words(blame.case, blame.reason, blame.moved)


def _every_words(blame: Blame) -> str:
    behaviour = sum(one.kind is ChangeKind.BEHAVIOUR for one in blame.changes)
    rounding = len(blame.changes) - behaviour
    releases = count_words(len(blame.changes), "release")
    if not rounding:
        return f"{releases} changed the behaviour of {blame.case}"
    if not behaviour:
        return f"{releases} changed only the last digits of {blame.case}"
    return f"{releases} changed {blame.case}: {behaviour} its behaviour, {rounding} only its last digits"


def _blamed_words(blame: Blame) -> str:
    together = " together with ".join(_moves(one) for one in blame.changes)
    parts = [f"{together} {_did(blame.changes[-1], blame.case)}"]
    if untold := [version for one in blame.changes for version in one.untold]:
        parts.append(f"nothing can run under {_listed(untold)}, which {_lie(untold)} between")
    if blame.companions:
        verb = "has" if len(blame.companions) == 1 else "have"
        parts.append(f"{_listed(blame.companions)} {verb} to move with it for anything to run")
    parts += filter(None, [_no_part(blame)])
    runs = count_words(blame.runs, "run")
    parts.append(
        f"confirmed both ways in {runs}"
        if blame.confirmed
        else f"not confirmed after {runs}: another change may play a part"
    )
    return "; ".join(parts)


def _lie(names: Sequence[str]) -> str:
    return "lies" if len(names) == 1 else "lie"


def _moves(change: BlamedChange) -> str:
    if change.before is None:
        return f"{change.package} {_version(change.after)}, which was not there before,"
    return f"{change.package} {_version(change.before)} → {_version(change.after)}"


def _version(version: str | None) -> str:
    """A version, the short name of a commit, or the folder of a source tree."""
    if version is None:
        return "not there"
    if version.startswith("git+"):
        ref = version.rpartition("@")[2]
        return f"commit {ref[:_SHORT]}" if re.fullmatch(r"[0-9a-f]{40}", ref) else ref
    return f"as it is in {version.removeprefix('file://')}" if version.startswith("file://") else version


def _did(change: BlamedChange, case: str) -> str:
    if change.raised:
        return f"made {case} fail: {one_line(change.raised)}"
    what = (
        f"changed {case}"
        if change.kind is ChangeKind.BEHAVIOUR
        else f"changed only the last digits of {case}"
    )
    first = [f"first in {_stage(change.first.stage)}"] if change.first else []
    details = ", ".join([*_far(change.rel_l2), *first])
    return f"{what} ({details})" if details else what


def _far(rel_l2: float | None) -> list[str]:
    """How far two runs are apart; nothing where shapes differ or one of them failed."""
    return [] if rel_l2 is None else [f"rel_l2 {number(rel_l2)}"]


def _stage(stage: str) -> str:
    return f"the {stage.replace('_', ' ')}"


def _no_part(blame: Blame) -> str:
    blamed = {*blame.companions, *(one.package for one in blame.changes)}
    others = [one.what for one in packages_by_relevance(blame.moved) if one.what not in blamed]
    return f"{_listed(others)} moved too and had no part" if others and blame.confirmed else ""


def _listed(names: Sequence[str]) -> str:
    shown, more = list(names[:_MOST_NAMED]), len(names) - _MOST_NAMED
    if more > 0:
        shown.append(f"{more} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _reason_words(case: str, reason: BlameReason, moved: Sequence[Change]) -> str:
    match reason:
        case OwnChanges():
            return _own_words(case, reason, moved)
        case GoodEndDiffers():
            if reason.raised:
                return (
                    f"not reproduced: {case} fails under the good versions as well: {one_line(reason.raised)}"
                )
            why = next(iter(_far(reason.rel_l2)), one_line(reason.words))
            return (
                f"not reproduced: {case} differs under the good versions as well ({why}){_held(reason.held)}"
            )
        case BadEndAgrees():
            return _agrees_words(case, reason)
        case SameEnds():
            return (
                f"nothing to blame: both ends of {case} are the same versions; name others, or name none to "
                "start from the versions of its golden"
            )
        case NoCause():
            return (
                f"not reproduced: {case} differs{_aside(reason.rel_l2)}, although neither a package nor "
                f"anything else that its golden records has changed{_held(reason.held)}"
            )
        case Unstable():
            return (
                f"ambiguous: two runs of {case} with the {reason.end} versions differ from each other"
                f"{_aside(reason.rel_l2)}; first find out why: harness repeat {case}"
            )
        case Untold():
            step = f"; name other versions with --{reason.end}" if reason.unusable else ""
            return f"cannot tell: with the {reason.end} versions {case} {one_line(reason.problem)}{step}"
        case Unsearchable():
            return (
                f"cannot tell: {case}: {one_line(reason.problem)}; record a golden, "
                "or name the good versions with --good"
            )


def _aside(rel_l2: float | None) -> str:
    return "".join(f" ({words})" for words in _far(rel_l2))


def _own_words(case: str, reason: OwnChanges, moved: Sequence[Change]) -> str:
    named = [f"{one.what} {one.golden or 'not there'} → {one.now or 'not there'}" for one in reason.changes]
    names = [one.what for one in packages_by_relevance(moved)]
    others = f"; {_listed(names)} moved too and had no part" if names else ""
    told = re.sub(rf"\b([0-9a-f]{{{_SHORT}}})[0-9a-f]{{30,}}\b", r"\1", one_line(_listed(named)))
    return f"no dependency changed {case}: your own change did ({told}){others}"


def _agrees_words(case: str, reason: BadEndAgrees) -> str:
    if reason.identical:
        return f"nothing to blame: {case} gives the same bits at both ends"
    return (
        f"nothing to blame: {case} changed only in its last digits (rel_l2 {number(reason.rel_l2)}, within its "
        "limits); add --bitwise to find the change"
    )


def _held(held: Sequence[Change]) -> str:
    if not held:
        return ""
    named = _listed([f"{one.what} {one.golden}" for one in held])
    return f"; {named} of the golden was not tried, add --yes to download it"
