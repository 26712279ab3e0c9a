"""The reasons for verdicts: one type for each kind of reason; `report` puts them into words.

`kind` is the name of a reason in JSON. Everything is plain data: numbers that are not finite, which JSON has no
number for, are in `Reading.special`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.core.environment import Change
from harness.core.results.measure_reasons import MeasureReason


@dataclass(frozen=True, slots=True)
class Message:
    """Words from elsewhere: a worker, a library, the operating system, or a report of an older harness."""

    text: str
    kind: Literal["message"] = "message"


@dataclass(frozen=True, slots=True)
class PipelineRaised:
    """The pipeline raised: `message` is the exception in one line. `run` says which run of the case."""

    message: str
    run: Literal["case", "invariant", "forced"] = "case"
    kind: Literal["pipeline-raised"] = "pipeline-raised"


@dataclass(frozen=True, slots=True)
class MissingName:
    """The versions that the case ran under lack `name`, a class, method, option or package; `message` says who does.

    `name` is "" if the library does not say what it misses.
    """

    name: str
    message: str
    kind: Literal["missing-name"] = "missing-name"


@dataclass(frozen=True, slots=True)
class OtherDevice:
    """The run is only for `devices`, and this device is another; `whole` is true for a case, false for an invariant."""

    device: str
    devices: tuple[str, ...]
    whole: bool = True
    kind: Literal["other-device"] = "other-device"


@dataclass(frozen=True, slots=True)
class NoCompiler:
    """torch.compile lacks a compiler on this machine; `message` is what it said."""

    message: str
    kind: Literal["no-compiler"] = "no-compiler"


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A golden or capture cannot be read; `what` begins with its path."""

    what: str
    kind: Literal["unreadable-file"] = "unreadable-file"


@dataclass(frozen=True, slots=True)
class OtherCapture:
    """The capture at `path` belongs to another definition or case."""

    path: str
    case: str
    kind: Literal["other-capture"] = "other-capture"


@dataclass(frozen=True, slots=True)
class UnfitCapture:
    """The capture at `path` can never be judged as its case; `why` in words that follow "it"."""

    path: str
    why: tuple[str, ...]
    kind: Literal["unfit-capture"] = "unfit-capture"


@dataclass(frozen=True, slots=True)
class NoGolden:
    """No golden may judge on `platform`; the case refuses the existing goldens of `platforms`."""

    platform: str
    platforms: tuple[str, ...] = ()
    kind: Literal["no-golden"] = "no-golden"


@dataclass(frozen=True, slots=True)
class RelationRefused:
    """The case refuses the relation to the golden, which was recorded on `hardware` of the kind `device`."""

    golden: str
    hardware: str
    device: str
    relation: str
    kind: Literal["relation-refused"] = "relation-refused"


@dataclass(frozen=True, slots=True)
class ExpectationsAlone:
    """The case needs no golden, and only its expectations judged it."""

    because: NoGolden | RelationRefused
    kind: Literal["expectations-alone"] = "expectations-alone"


@dataclass(frozen=True, slots=True)
class DefinitionChanged:
    """The golden was recorded from a different definition: the differences, key by key; None is the default."""

    case: str
    changes: tuple[Change, ...]
    kind: Literal["definition-changed"] = "definition-changed"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that the config adds to the model: sha256 in hex and hub commit on both sides, None if unknown."""

    name: str
    golden: str | None
    now: str | None
    golden_commit: str | None = None
    now_commit: str | None = None


@dataclass(frozen=True, slots=True)
class WeightsChanged:
    """The golden was recorded with other weights: components by the sha256 of their weights, and added files.

    `commits` holds the hub commits of golden and run if they differ, else None.
    """

    components: tuple[Change, ...]
    commits: Change | None = None
    files: tuple[FileChange, ...] = ()
    kind: Literal["weights-changed"] = "weights-changed"


@dataclass(frozen=True, slots=True)
class UnusableCalibration:
    """The golden's calibration cannot be used; `what` begins with its path."""

    what: str
    damaged: bool
    newer: bool
    kind: Literal["unusable-calibration"] = "unusable-calibration"


@dataclass(frozen=True, slots=True)
class LimitCannotFail:
    """No two tensors of the dtype can exceed these `limits`; `bounds` are the largest possible differences."""

    output: str
    dtype: str
    limits: Mapping[str, float]
    bounds: Mapping[str, float]
    kind: Literal["limit-cannot-fail"] = "limit-cannot-fail"


@dataclass(frozen=True, slots=True)
class NothingToCompare:
    """Neither side has an output: golden and run of a `case` or, if it is None, both runs of an invariant."""

    case: str | None = None
    kind: Literal["nothing-to-compare"] = "nothing-to-compare"


@dataclass(frozen=True, slots=True)
class ComparedInPart:
    """What the golden or the run lacks for a complete comparison; `outputs` is the verdict of only the outputs."""

    golden: str
    lacking: tuple[str, ...]
    outputs: str | None = None
    kind: Literal["compared-in-part"] = "compared-in-part"


@dataclass(frozen=True, slots=True)
class OutputDiffers:
    """An output differs in kind: dtype and shape, `text`, `missing` or `absent (None)`."""

    output: str
    golden: str
    now: str
    kind: Literal["output-differs"] = "output-differs"


@dataclass(frozen=True, slots=True)
class TextDiffers:
    """Two texts differ from `character` onward, counted from 0; each side from there, "" at its end."""

    output: str
    character: int
    golden: str
    now: str
    kind: Literal["text-differs"] = "text-differs"


@dataclass(frozen=True, slots=True)
class NotFinite:
    """NaN and Inf that only one side has, with the index of the first; `vanished` counts those of the golden."""

    output: str
    new_nan: int
    new_inf: int
    vanished: int
    first: tuple[int, ...]
    kind: Literal["not-finite"] = "not-finite"


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric and, if there is one, the limit that it does not meet.

    `value` is None if it is not finite; `special` then says what it is.
    """

    metric: str
    value: float | None
    limit: float | None = None
    special: Literal["inf", "-inf", "nan"] | None = None


def reading(metric: str, value: float, limit: float | None = None) -> Reading:
    """The reading of any float."""
    if math.isfinite(value):
        return Reading(metric, value, limit)
    return Reading(metric, None, limit, "nan" if math.isnan(value) else "inf" if value > 0 else "-inf")


@dataclass(frozen=True, slots=True)
class LimitsExceeded:
    """The metrics of an output that do not meet their limits."""

    output: str
    exceeded: tuple[Reading, ...]
    kind: Literal["limits-exceeded"] = "limits-exceeded"


@dataclass(frozen=True, slots=True)
class NotBitwise:
    """An output that must be equal bit for bit is not; `metrics` is empty if it is equal by value."""

    output: str
    metrics: tuple[Reading, ...]
    kind: Literal["not-bitwise"] = "not-bitwise"


@dataclass(frozen=True, slots=True)
class ExactDiffers:
    """An exact finding that fails the case."""

    what: str
    golden: str | None
    now: str | None
    kind: Literal["exact-differs"] = "exact-differs"


@dataclass(frozen=True, slots=True)
class MoreExactFindings:
    """`count` more exact findings fail the case."""

    count: int
    kind: Literal["more-exact-findings"] = "more-exact-findings"


@dataclass(frozen=True, slots=True)
class ExpectationUnmet:
    """The statistic of an output is not what the case expects."""

    output: str
    statistic: str
    value: Reading
    expected: float
    abs_tol: float
    kind: Literal["expectation-unmet"] = "expectation-unmet"


@dataclass(frozen=True, slots=True)
class ExpectationOfNothing:
    """There is no such numeric output; `outputs` are the existing ones."""

    output: str
    statistic: str
    outputs: tuple[str, ...]
    kind: Literal["expectation-of-nothing"] = "expectation-of-nothing"


@dataclass(frozen=True, slots=True)
class ExpectationOfComplex:
    """The output is complex, which has no such statistic."""

    output: str
    statistic: str
    kind: Literal["expectation-of-complex"] = "expectation-of-complex"


@dataclass(frozen=True, slots=True)
class BoundaryExceeded:
    """A boundary of a forced replay beyond its limit; `rel_l2` is None if it cannot be compared."""

    event: str
    index: int
    rel_l2: float | None
    limit: float


@dataclass(frozen=True, slots=True)
class ReplayExceeds:
    """The first boundaries beyond their limits, and how many `more` there are."""

    boundaries: tuple[BoundaryExceeded, ...]
    more: int = 0
    kind: Literal["replay-exceeds"] = "replay-exceeds"


@dataclass(frozen=True, slots=True)
class NotReplayable:
    """The golden, if there is one, does not keep the boundary tensors."""

    golden: str | None
    kind: Literal["not-replayable"] = "not-replayable"


@dataclass(frozen=True, slots=True)
class ReplayFailed:
    """The forced replay did not finish, for a reason in the worker's words."""

    why: str
    kind: Literal["replay-failed"] = "replay-failed"


@dataclass(frozen=True, slots=True)
class InvariantFails:
    """An invariant does not hold, for these reasons."""

    invariant: str
    reasons: tuple[Reason, ...]
    kind: Literal["invariant-fails"] = "invariant-fails"


@dataclass(frozen=True, slots=True)
class StaleKept:
    """The golden exists already, was recorded from a different definition, and was not replaced."""

    changed: DefinitionChanged
    kind: Literal["stale-kept"] = "stale-kept"


@dataclass(frozen=True, slots=True)
class CaptureNotJudged:
    """The last verify left no capture to accept: its `verdict`, for these `reasons`.

    A report by an older harness says nothing of a capture, whatever the verdict: there are no reasons then.
    """

    verdict: str
    reasons: tuple[Reason, ...] = ()
    kind: Literal["capture-not-judged"] = "capture-not-judged"


Reason = (
    Message | PipelineRaised | MissingName | OtherDevice | NoCompiler | UnreadableFile | OtherCapture | UnfitCapture
    | NoGolden | RelationRefused | ExpectationsAlone | DefinitionChanged | WeightsChanged | UnusableCalibration
    | LimitCannotFail | NothingToCompare | ComparedInPart | OutputDiffers | TextDiffers | NotFinite
    | LimitsExceeded | NotBitwise | ExactDiffers | MoreExactFindings | ExpectationUnmet | ExpectationOfNothing
    | ExpectationOfComplex | ReplayExceeds | NotReplayable | ReplayFailed | InvariantFails | StaleKept
    | CaptureNotJudged | MeasureReason
)  # fmt: skip

Reasons = tuple[Reason, ...]
"""Everything that led to a verdict, in order."""

Warned = str | Reason
"""A warning: a worker's own words, or a reason that fails nothing."""


def said(text: str) -> Reasons:
    """The one reason that is words of something else; none for ""."""
    return (Message(text),) if text else ()
