"""Writes and reads the JSON of `--json`, and writes the file of any report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness import files
from harness.codec import from_json, to_json, why_not
from harness.core.environment import Change, Environment, Hardware, Software, Switches
from harness.core.portable.known_answers import Proof
from harness.core.results.candidate import Tried
from harness.core.results.pictured import PicturedCase
from harness.core.results.recording import ListedCase, RecordReport, RepeatReport
from harness.core.results.verdict import Passing, RanIn, Report, TensorResult
from harness.core.schema import other_schema
from harness.errors import Problem, UsageError
from harness.report.json_forms import (
    CaseForm,
    RecordForm,
    RepeatForm,
    TensorForm,
    case_form,
    case_of,
    in_words,
    record_form,
    tensor_forms,
)
from harness.report.wording import Word, repeat_summary

SCHEMA = 1
"""The version of every document written here."""

_RUN_AGAIN = "run `harness verify` again"


@dataclass(frozen=True, slots=True)
class _Verify:
    """The report of `harness verify`: a summary of how many cases got each verdict, and every case."""

    schema: int
    environment: Environment | None
    summary: Mapping[str, int]
    cases: tuple[CaseForm, ...]
    # Missing from the reports of the first releases.
    finished: bool = True
    not_run: tuple[str, ...] = ()
    command: str = "verify"
    started: datetime | None = None
    options: Passing = Passing()
    environments: tuple[RanIn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate(_Verify):
    """The report of a verify under other versions."""

    candidate: Tried


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDocument(_Verify):
    """The report of `harness verify`; `candidate` is there if it judged under other versions.

    `summary` is how many cases got each verdict. `environment` is None if no worker started, or if the report joins
    runs in several environments, which `environments` then lists. `not_run` are the cases that an unfinished verify
    left.
    """

    candidate: Tried | None = None


@dataclass(frozen=True, slots=True)
class CandidatesDocument:
    """The reports of a verify under several other versions, in the order in which they were asked for."""

    schema: int
    candidates: tuple[_Candidate, ...]


@dataclass(frozen=True, slots=True)
class _Record:
    schema: int
    environment: Environment | None
    summary: Mapping[str, int]
    cases: tuple[RecordForm, ...]
    finished: bool
    not_run: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    schema: int
    environment: Environment | None
    summary: Mapping[str, int]
    cases: tuple[RepeatForm, ...]


@dataclass(frozen=True, slots=True)
class _List:
    schema: int
    cases: tuple[ListedCase, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Comparison:
    schema: int
    tensors: tuple[TensorForm, ...]


@dataclass(frozen=True, slots=True)
class _Pictures:
    schema: int
    cases: tuple[PicturedCase, ...]


@dataclass(frozen=True, slots=True)
class _Changes:
    schema: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class _Operation:
    operation: str
    kind: str
    computed: str | None
    on_record: str | None
    golden: str | None
    matches: bool | None


@dataclass(frozen=True, slots=True)
class _Proof:
    schema: int
    portable: bool
    reason: str
    cpu: str
    builds: Mapping[str, str]
    remembered: bool
    golden: str | None
    golden_reason: str
    summary: Mapping[str, int]
    operations: tuple[_Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Environment:
    """The entries of an Environment, and the schema, which the first files lack."""

    schema: int = 1
    platform: str
    hardware: Hardware
    software: Software
    switches: Switches
    known_answers: Mapping[str, str] = field(default_factory=dict)
    not_portable: str | None = None


@dataclass(frozen=True, slots=True)
class _Head:
    """The part of a document that identifies it to its reader."""

    schema: int


@dataclass(frozen=True, slots=True)
class _FirstHead:
    """The same for a fingerprint; its first files have no schema."""

    schema: int = 1


def verify_json(report: Report) -> str:
    """The report as `--json` promises it: every metric of every tensor, finite numbers or null."""
    return _text(_verified(report))


def candidates_json(reports: Sequence[Report]) -> str:
    """The reports of several candidates, in the order in which they were asked for."""
    return _text(CandidatesDocument(SCHEMA, tuple(map(_under, reports))))


def _verified(report: Report) -> _Verify:
    if report.candidate is not None:
        return _under(report)
    return _Verify(**_entries(report))


def _under(report: Report) -> _Candidate:
    assert report.candidate is not None
    return _Candidate(**_entries(report), candidate=report.candidate)


def _entries(report: Report) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "environment": report.environment,
        "summary": _names(report.summary()),
        "cases": tuple(map(case_form, report.cases)),
        "finished": report.finished,
        "not_run": report.not_run,
        "command": report.command,
        "started": report.started,
        "options": report.passing,
        "environments": report.environments,
    }


def record_json(report: RecordReport) -> str:
    """The states by case, with a summary of how many cases ended in each."""
    cases = tuple(map(record_form, report.cases))
    summary = _names(report.summary())
    return _text(_Record(SCHEMA, report.environment, summary, cases, report.finished, report.not_run))


def repeat_json(report: RepeatReport) -> str:
    """The distances between all runs by case, with a summary of the verdicts."""
    cases = tuple(in_words(RepeatForm, case) for case in report.cases)
    return _text(_Repeat(SCHEMA, report.environment, repeat_summary(report), cases))


def list_json(cases: Sequence[ListedCase], problems: Sequence[Problem] = ()) -> str:
    """The cases with device, tolerance and goldens, and the problems of configs that gave no case."""
    return _text(_List(SCHEMA, tuple(cases), tuple(problems)))


def comparison_json(tensors: Sequence[TensorResult]) -> str:
    """The metrics between two files, tensor by tensor."""
    return _text(_Comparison(SCHEMA, tensor_forms(tensors)))


def pictures_json(cases: Sequence[PicturedCase]) -> str:
    """What was drawn of each case, and where the files lie."""
    return _text(_Pictures(SCHEMA, tuple(cases)))


def environment_json(environment: Environment) -> str:
    """A fingerprint, as `read_environment` reads it."""
    entries = {entry.name: getattr(environment, entry.name) for entry in fields(environment)}
    return _text(_Environment(schema=SCHEMA, **entries))


def read_environment(text: str | bytes, name: str) -> Environment:
    """The fingerprint that `environment_json` wrote; error messages call it `name`.

    Raises ValidationError if `text` is not a fingerprint, UsageError if it has another schema.
    """
    schema = from_json(_FirstHead, text).schema
    if schema != SCHEMA:
        raise UsageError(f"{name}: {other_schema(schema, SCHEMA, 'save it again')}")
    document = from_json(_Environment, text)
    return Environment(**{entry.name: getattr(document, entry.name) for entry in fields(Environment)})


def proof_json(proof: Proof) -> str:
    """The known-answer test of a machine: every operation, and how many differ or have nothing to compare with."""
    operations = tuple(
        _Operation(one.operation, one.kind, one.computed, one.on_record, one.golden, one.matches)
        for one in proof.answers
    )
    found = [one.matches for one in operations]
    counts = {"operations": len(found), "differing": found.count(False), "not_compared": found.count(None)}
    how = (proof.cpu, proof.builds, proof.remembered, proof.golden, proof.golden_reason)
    return _text(_Proof(SCHEMA, proof.portable, proof.reason, *how, counts, operations))


def changes_json(changes: Sequence[Change]) -> str:
    """What differs between two fingerprints."""
    return _text(_Changes(SCHEMA, tuple(changes)))


def read_report(text: str | bytes, name: str = "report.json") -> Report:
    """The report that `verify_json` wrote; error messages call it `name`.

    Raises UsageError if `text` is not such a report, or has another schema.
    """
    try:
        schema = from_json(_Head, text).schema
        if schema != SCHEMA:
            other = other_schema(schema, SCHEMA, _RUN_AGAIN)
            raise UsageError(f"{name}: {other}" + (f", or {_RUN_AGAIN}" if schema > SCHEMA else ""))
        document = from_json(ReportDocument, text)
    except ValidationError as error:
        told = why_not(error, text)
        raise UsageError(f"{name}: is not a report of `harness verify` ({told}); {_RUN_AGAIN}") from error
    if not all(0 <= place < len(document.cases) for one in document.environments for place in one.cases):
        raise UsageError(f"{name}: `environments` names cases that it does not list; {_RUN_AGAIN}")
    return Report(
        document.environment,
        tuple(map(case_of, document.cases)),
        finished=document.finished,
        not_run=document.not_run,
        command=document.command,
        started=document.started,
        passing=document.options,
        candidate=document.candidate,
        environments=document.environments,
    )


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with `files.write`; raises what that raises."""
    # File names may contain bytes that are not UTF-8.
    files.write(path, text.encode("utf-8", errors="backslashreplace"))


def _text(document: object) -> str:
    return to_json(document, indent=2) + "\n"


def _names(counts: Mapping[Word, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items()}
