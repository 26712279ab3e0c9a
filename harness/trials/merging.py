"""Joins the reports of several verifies, of shards or platforms, into the one that a single verify would have given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from harness.core.environment import Environment
from harness.core.results.verdict import CaseResult, FileDigest, Passing, RanIn, Report
from harness.errors import UsageError
from harness.report.alike import logged_once
from harness.report.wording import count_words

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Source:
    """A report that is joined with others; messages call it `name`."""

    name: str
    report: Report


@dataclass(frozen=True, slots=True)
class _Entry:
    """A result, the report that it comes from, and the environment that it ran in, if the report says."""

    result: CaseResult
    source: str
    environment: Environment | None


@dataclass(frozen=True, slots=True)
class _Group:
    """Results that ran in one environment, by their places in the merged report."""

    environment: Environment
    places: tuple[int, ...]


def merged(sources: Sequence[Source]) -> Report:
    """The report of everything that these judged, the same whatever their order, and however they are joined by two.

    Cases stand in the order of the configs. What one report left unfinished makes the whole unfinished. It began when
    the first did, and is as strict as the strictest. Raises UsageError if two reports judge one case on one platform
    with different results, or if they are no reports of one kind.
    """
    _check_kinds(sources)
    entries = sorted(_united(sources), key=lambda entry: _order(entry.result))
    environments = _environments(entries, [one.report for one in sources])
    several = len(environments) > 1
    reports = [one.report for one in sources]
    return Report(
        environment=environments[0].environment if len(environments) == 1 else None,
        cases=logged_once(entry.result for entry in entries),
        finished=all(report.finished for report in reports),
        not_run=tuple(sorted({case for report in reports for case in report.not_run})),
        command=reports[0].command,
        started=min((one.started for one in reports if one.started), default=None, key=datetime.timestamp),
        passing=_strictest(report.passing for report in reports),
        candidate=reports[0].candidate,
        environments=tuple(RanIn(one.environment, one.places) for one in environments) if several else (),
    )


def _check_kinds(sources: Sequence[Source]) -> None:
    first = sources[0]
    for one in sources[1:]:
        if one.report.command != first.report.command:
            raise UsageError(
                f"{one.name}: is the report of `harness {one.report.command}`, but {first.name} is that of "
                f"`harness {first.report.command}`; join reports of one command"
            )
        if one.report.candidate != first.report.candidate:
            raise UsageError(
                f"{one.name}: was judged under other versions than {first.name} (`verify --with`); "
                "join reports of one set of versions"
            )


def _strictest(given: Iterable[Passing]) -> Passing:
    every = list(given)
    return Passing(all(one.allow_missing for one in every), any(one.strict for one in every))


def _united(sources: Sequence[Source]) -> list[_Entry]:
    """Every result once, of several that are the same; raises UsageError for those that contradict each other."""
    found: dict[tuple[str, str | None], list[_Entry]] = {}
    clashes: list[tuple[_Entry, _Entry]] = []
    for entry in (entry for source in sources for entry in _entries(source)):
        before = found.setdefault((entry.result.case, entry.result.platform), [])
        same = next((one for one in before if _same(one, entry)), None)
        if same is not None:
            before[before.index(same)] = min(same, entry, key=_preference)
        elif before and entry.result.platform is not None:
            clashes.append((before[0], entry))
        else:
            # Without a platform, nobody knows whether the two ran on the same one.
            before.append(entry)
    if clashes:
        raise UsageError(_clash(clashes))
    return [entry for entries in found.values() for entry in entries]


def _entries(source: Source) -> Iterator[_Entry]:
    report = source.report
    ran = {place: one.environment for one in report.environments for place in one.cases}
    for place, result in enumerate(report.cases):
        known = None if result.platform is None else report.environment
        yield _Entry(result, source.name, ran.get(place, known))


def _same(one: _Entry, other: _Entry) -> bool:
    return _bare(one.result) == _bare(other.result) and _alike(one.environment, other.environment)


def _bare(result: CaseResult) -> CaseResult:
    """The result without what says where its capture lies, and without the log, which a report shows once."""
    capture = FileDigest("", result.capture.sha256) if result.capture else None
    return replace(result, capture=capture, log=())


def _preference(entry: _Entry) -> tuple[int, str, str]:
    """The one with a log first; the rest is any order that does not depend on that of the reports."""
    path = entry.result.capture.path if entry.result.capture else ""
    return (-len(entry.result.log), path, repr(entry.environment))


def _clash(clashes: Sequence[tuple[_Entry, _Entry]]) -> str:
    first, second = clashes[0]
    cases = list(dict.fromkeys(entry.result.case for _, entry in clashes))
    named = ", ".join(cases[:_MOST_NAMED])
    more = f" and {count_words(len(cases) - _MOST_NAMED, 'other case')}" if len(cases) > _MOST_NAMED else ""
    return (
        f"{second.source}: judges {named}{more} on {second.result.platform}, and so does {first.source}, with another "
        "result; leave one of the two out, or give each case to one shard only"
    )


def _order(result: CaseResult) -> tuple[str, int, str, str, str]:
    """The order of the configs: by file, then by the number in the file; then by platform."""
    place = result.source or result.case.partition("@")[0]
    return (place, result.entry, result.case, result.platform or "", repr(_bare(result)))


def _alike(one: Environment | None, other: Environment | None) -> bool:
    """Whether two environments are one; what a run imported besides changes no number, and differs between shards."""
    return _without_imported(one) == _without_imported(other)


def _without_imported(environment: Environment | None) -> Environment | None:
    if environment is None:
        return None
    return replace(environment, software=replace(environment.software, imported={}))


def _environments(entries: Sequence[_Entry], reports: Sequence[Report]) -> list[_Group]:
    """Each environment that the reports know, as its first result found it, in the order of those."""
    stated = [(place, entry.environment) for place, entry in enumerate(entries) if entry.environment]
    # A report may know its environment although none of its cases got far enough.
    known = [one for report in reports for one in (report.environment, *_listed(report)) if one]
    stated += [(-1, one) for one in sorted(known, key=repr)]
    groups: list[_Group] = []
    for place, environment in stated:
        own = (place,) if place >= 0 else ()
        number = next((n for n, one in enumerate(groups) if _alike(one.environment, environment)), None)
        if number is None:
            groups.append(_Group(environment, own))
        else:
            groups[number] = replace(groups[number], places=(*groups[number].places, *own))
    return groups


def _listed(report: Report) -> Iterator[Environment]:
    yield from (one.environment for one in report.environments)
