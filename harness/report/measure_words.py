"""The words for the reasons of record, accept, repeat, calibrate and sensitivity."""

from __future__ import annotations

from functools import singledispatch

from harness.core.results import measure_reasons as of


@singledispatch
def measure_words(reason: object) -> str:
    """One reason as a sentence without its full stop."""
    raise TypeError(f"{reason!r}: no words for this kind of reason")


@measure_words.register
def _(reason: of.RunFailed) -> str:
    return (
        f"run {reason.number} raised {reason.why}" if reason.raised else f"run {reason.number}: {reason.why}"
    )


@measure_words.register
def _(reason: of.BaseRunFailed) -> str:
    raised = "raised " if reason.raised else ""
    if reason.without == "fault":
        return f"the run without a fault {raised or 'failed: '}{reason.why}"
    return f"the unvaried run failed: {raised}{reason.why}"


@measure_words.register
def _(reason: of.RunsDiffer) -> str:
    drawn = ", ".join(reason.global_rngs)
    cause = f"; the pipeline drew from the global generators of {drawn}" if drawn else ""
    return f"two runs in fresh processes gave different bits, so nothing was stored{cause}"


@measure_words.register
def _(reason: of.DifferenceAllowed) -> str:
    return f"differs from run to run in {', '.join(reason.outputs)}, which the case allows"


@measure_words.register
def _(reason: of.OutputJudgesNothing) -> str:
    return f"{reason.output}: all {reason.values:,} values are NaN or Inf; such a golden judges nothing"


@measure_words.register
def _(_reason: of.GoldenKept) -> str:
    return "the golden already exists and was not replaced"


@measure_words.register
def _(_reason: of.GoldenUnchanged) -> str:
    return "equal to the existing golden bit for bit"


@measure_words.register
def _(reason: of.RecordedAgain) -> str:
    other = " and ".join(f"{'a different' if one == 'trace' else 'different'} {one}" for one in reason.other)
    return f"the same bits, recorded again{f' with {other}' if other else ''}"


@measure_words.register
def _(reason: of.UnusableReplaced) -> str:
    return f"replaced an unusable file: {reason.what}"


@measure_words.register
def _(_reason: of.VerifyUnfinished) -> str:
    return "the last verify did not finish, so none of its captures is accepted"


@measure_words.register
def _(reason: of.NotAmongJudged) -> str:
    return f"is not among the cases that the last verify judged ({reason.judged} in all)"


@measure_words.register
def _(reason: of.CaptureChanged) -> str:
    if reason.missing:
        return f"{reason.path}: no such file; the capture that was judged is gone"
    if reason.what == "golden":
        return f"{reason.path}: is not the golden that the last verify compared with"
    return f"{reason.path}: is not the capture that the last verify judged"


@measure_words.register
def _(_reason: of.NoDraft) -> str:
    return "no draft of this case waits"


@measure_words.register
def _(reason: of.DraftOutdated) -> str:
    return f"{reason.path}: is outdated, since the golden has changed after it was made"


@measure_words.register
def _(_reason: of.DraftReplaced) -> str:
    return "an older draft that waited was replaced"


@measure_words.register
def _(_reason: of.DifferByThemselves) -> str:
    return "two runs of this case may differ (`nondeterministic: allow`), so nothing can be measured"


@measure_words.register
def _(reason: of.NothingMeasured) -> str:
    return f"no benign variation could be measured: {'; '.join(reason.why)}"


@measure_words.register
def _(reason: of.NoGoldenForLimits) -> str:
    return f"{reason.platform}: there is no golden on this platform to store limits with"


@measure_words.register
def _(reason: of.OtherDefinition) -> str:
    if reason.path is None:
        return "the capture was made from a different definition of this case"
    return f"{reason.path}: was recorded from a different definition of this case"


@measure_words.register
def _(reason: of.FaultNotJudged) -> str:
    return f"{reason.fault}: {reason.why}"


@measure_words.register
def _(_reason: of.NoFaultApplied) -> str:
    return "no fault applies to the pipeline, so it is unknown what the limits catch"


@measure_words.register
def _(reason: of.TooFewCaught) -> str:
    share = reason.caught / reason.applied
    return (
        f"{reason.caught} of {reason.applied} faults caught in same-hardware, {share:.1%}; "
        f"min_sensitivity is {reason.required:.1%}"
    )


@measure_words.register
def _(reason: of.NoGoldens) -> str:
    return f"no golden in {reason.store}"
