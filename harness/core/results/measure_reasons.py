"""The reasons for the results of recording, accepting and measuring a case, in addition to those of the judge.

As in `reasons`, each type is one kind of reason: plain data that `report` puts into words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class RunFailed:
    """One of several runs of a case left no capture; `raised` is whether the pipeline raised `why`."""

    number: int
    why: str
    raised: bool
    kind: Literal["run-failed"] = "run-failed"


@dataclass(frozen=True, slots=True)
class BaseRunFailed:
    """The run that all others are compared with left no capture; `without` is what it ran without."""

    without: Literal["variation", "fault"]
    why: str
    raised: bool
    kind: Literal["base-run-failed"] = "base-run-failed"


@dataclass(frozen=True, slots=True)
class RunsDiffer:
    """Two runs gave different bits; `global_rngs` are the global generators that the pipeline drew from."""

    global_rngs: tuple[str, ...]
    kind: Literal["runs-differ"] = "runs-differ"


@dataclass(frozen=True, slots=True)
class DifferenceAllowed:
    """Two runs gave different bits in these `outputs`, and the case allows that."""

    outputs: tuple[str, ...]
    kind: Literal["difference-allowed"] = "difference-allowed"


@dataclass(frozen=True, slots=True)
class OutputJudgesNothing:
    """All `values` of an output are NaN or Inf."""

    output: str
    values: int
    kind: Literal["output-judges-nothing"] = "output-judges-nothing"


@dataclass(frozen=True, slots=True)
class GoldenKept:
    """The golden already exists and was not replaced."""

    kind: Literal["golden-kept"] = "golden-kept"


@dataclass(frozen=True, slots=True)
class GoldenUnchanged:
    """The new golden equals the existing one bit for bit."""

    kind: Literal["golden-unchanged"] = "golden-unchanged"


@dataclass(frozen=True, slots=True)
class RecordedAgain:
    """The new golden has the same outputs as the old one; `other` is what else differs."""

    other: tuple[Literal["trace", "weights"], ...]
    kind: Literal["recorded-again"] = "recorded-again"


@dataclass(frozen=True, slots=True)
class UnusableReplaced:
    """The new golden replaced an unusable file; `what` says why it was unusable."""

    what: str
    kind: Literal["unusable-replaced"] = "unusable-replaced"


@dataclass(frozen=True, slots=True)
class VerifyUnfinished:
    """The last verify did not finish, so none of its captures is accepted."""

    kind: Literal["verify-unfinished"] = "verify-unfinished"


@dataclass(frozen=True, slots=True)
class NotAmongJudged:
    """The last verify did not judge the case; `judged` is how many cases it judged."""

    judged: int
    kind: Literal["not-among-judged"] = "not-among-judged"


@dataclass(frozen=True, slots=True)
class CaptureChanged:
    """The capture or the golden at `path` is not the one that the last verify judged; `missing` if it is gone."""

    path: str
    what: Literal["capture", "golden"]
    missing: bool = False
    kind: Literal["capture-changed"] = "capture-changed"


@dataclass(frozen=True, slots=True)
class NoDraft:
    """No draft of the case waits."""

    kind: Literal["no-draft"] = "no-draft"


@dataclass(frozen=True, slots=True)
class DraftOutdated:
    """The golden that the draft at `path` was to replace has changed since."""

    path: str
    kind: Literal["draft-outdated"] = "draft-outdated"


@dataclass(frozen=True, slots=True)
class DraftReplaced:
    """The draft took the place of an older one that waited."""

    kind: Literal["draft-replaced"] = "draft-replaced"


@dataclass(frozen=True, slots=True)
class DifferByThemselves:
    """The case allows two runs to differ, so nothing can be measured."""

    kind: Literal["differ-by-themselves"] = "differ-by-themselves"


@dataclass(frozen=True, slots=True)
class NothingMeasured:
    """No benign variation could be measured; `why` lists the reasons, each once."""

    why: tuple[str, ...]
    kind: Literal["nothing-measured"] = "nothing-measured"


@dataclass(frozen=True, slots=True)
class NoGoldenForLimits:
    """There is no golden on `platform` to store limits with."""

    platform: str
    kind: Literal["no-golden-for-limits"] = "no-golden-for-limits"


@dataclass(frozen=True, slots=True)
class OtherDefinition:
    """The golden, or the capture if `path` is None, was made from a different definition of the case."""

    path: str | None
    kind: Literal["other-definition"] = "other-definition"


@dataclass(frozen=True, slots=True)
class FaultNotJudged:
    """A planted fault could not be judged."""

    fault: str
    why: str
    kind: Literal["fault-not-judged"] = "fault-not-judged"


@dataclass(frozen=True, slots=True)
class NoFaultApplied:
    """No planted fault applies to the pipeline, so it is unknown what the limits catch."""

    kind: Literal["no-fault-applied"] = "no-fault-applied"


@dataclass(frozen=True, slots=True)
class TooFewCaught:
    """The limits catch fewer of the `applied` faults than the case requires; `required` is a share."""

    caught: int
    applied: int
    required: float
    kind: Literal["too-few-caught"] = "too-few-caught"


@dataclass(frozen=True, slots=True)
class NoGoldens:
    """There is no golden of the case in the folder `store`."""

    store: str
    kind: Literal["no-goldens"] = "no-goldens"


MeasureReason = (
    RunFailed
    | BaseRunFailed
    | RunsDiffer
    | DifferenceAllowed
    | OutputJudgesNothing
    | GoldenKept
    | GoldenUnchanged
    | RecordedAgain
    | UnusableReplaced
    | VerifyUnfinished
    | NotAmongJudged
    | CaptureChanged
    | NoDraft
    | DraftOutdated
    | DraftReplaced
    | DifferByThemselves
    | NothingMeasured
    | NoGoldenForLimits
    | OtherDefinition
    | FaultNotJudged
    | NoFaultApplied
    | TooFewCaught
    | NoGoldens
)
"""The reasons that record, accept, repeat, calibrate and sensitivity give."""
