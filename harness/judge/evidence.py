"""The evidence for a judgement: the outcomes of a case's runs and the golden. Each file is opened and decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.core.capture import CaptureDocument, Completed, Outcome, Raised
from harness.core.case import Case
from harness.core.environment import Environment, relation_between
from harness.core.invariant import Invariant
from harness.core.measured.calibration import Calibration
from harness.core.results.verdict import CaseResult, FileDigest
from harness.core.tolerance import Relation
from harness.errors import StoreError, UnreadableGolden
from harness.golden.sidecar import Unusable
from harness.golden.store import Found, GoldenStore, Missing
from harness.golden.tensors import Closes, TensorFile, file_sha256
from harness.golden.trace import Trace, read_trace
from harness.judge.calibrated import calibration_beside


class Opened(Closes):
    """An open golden or capture; its trace is decoded on first use and kept."""

    def __init__(self, file: TensorFile) -> None:
        self.file = file

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.file.path

    @property
    def document(self) -> CaptureDocument:
        """What the file says about itself."""
        return self.file.document

    @cached_property
    def trace(self) -> Trace | None:
        """The file's trace, as `read_trace` gives it; raises UnreadableGolden if it is damaged."""
        return read_trace(self.file)

    def close(self) -> None:
        """Close the file and release its trace."""
        self.file.close()
        self.__dict__.pop("trace", None)


class JudgingGolden(Opened):
    """The golden that judges, and under which `relation`; `asked` says that the user asked for this relation."""

    def __init__(self, file: TensorFile, found: Found, relation: Relation, *, asked: bool = False) -> None:
        super().__init__(file)
        self.found = found
        self.relation = relation
        self.asked = asked

    @cached_property
    def calibration(self) -> Calibration | Unusable:
        """The golden's calibration, as `calibration_beside` gives it; raises UnreadableGolden."""
        return calibration_beside(self.file, lambda: self.trace)

    @cached_property
    def sha256(self) -> str:
        """The sha256, in hex, of the whole file; raises UnreadableGolden."""
        return file_sha256(self.path)


Golden = JudgingGolden | Missing | UnreadableGolden | StoreError


@dataclass(frozen=True, slots=True)
class Replay:
    """The forced replay of a case: its outcome, None if it was asked for but is impossible.

    Unless the replay `decides`, the verdict of the plain run stands.
    """

    outcome: Outcome | None
    decides: bool = True
    capture: Opened | UnreadableGolden | None = None


@dataclass
class Evidence(Closes):
    """Everything that a case is judged by; an unreadable file is represented by its error.

    `golden` is None if the run gave nothing to compare with one, `capture` if it gave no file; `digest`
    identifies that file later. `replay` and `invariants` (the outcome of each variation) are added as these
    runs end. `compared` and `explained` keep the conclusions so far, so that nothing is compared twice.
    """

    case: Case
    outcome: Outcome
    golden: Golden | None = None
    capture: Opened | UnreadableGolden | None = None
    digest: FileDigest | None = None
    replay: Replay | None = None
    invariants: Sequence[tuple[Invariant, Outcome]] = ()
    compared: CaseResult | None = None
    explained: CaseResult | None = None

    def replayed(self, outcome: Outcome | None, *, decides: bool = True) -> None:
        """Add the forced replay and open its capture, if there is one."""
        capture = opened(Path(outcome.path)) if isinstance(outcome, Completed) else None
        self.replay = Replay(outcome, decides, capture)

    def close(self) -> None:
        """Close every file; the conclusions remain."""
        for one in (self.golden, self.capture, self.replay and self.replay.capture):
            if isinstance(one, Opened):
                one.close()


def gathered(
    case: Case,
    outcome: Outcome,
    store: GoldenStore,
    *,
    relation: Relation | None = None,
    digest: FileDigest | None = None,
) -> Evidence:
    """The evidence for a run of `case`, to be judged under `relation`; the caller closes it.

    Never raises because of files on the disk.
    """
    evidence = Evidence(case, outcome, digest=digest)
    if isinstance(outcome, Completed):
        evidence.capture = opened(Path(outcome.path))
    if isinstance(outcome, Completed | Raised):
        evidence.golden = _golden(case, outcome.environment, store, relation)
    return evidence


def opened(path: Path) -> Opened | UnreadableGolden:
    """The file at `path`, or why it cannot be read."""
    try:
        return Opened(TensorFile(path))
    except UnreadableGolden as error:
        return error


def _golden(case: Case, environment: Environment, store: GoldenStore, relation: Relation | None) -> Golden:
    try:
        found = store.find(case, environment.platform)
        if isinstance(found, Missing):
            return found
        file = store.open(found.path)
    except (UnreadableGolden, StoreError) as error:
        return error
    found_out = relation_between(file.document.environment, environment)
    return JudgingGolden(file, found, relation or found_out, asked=relation not in (None, found_out))
