"""What `harness explain` shows for each case: where its difference began, how it grew, and what may have caused it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from harness.core.environment import Change
from harness.core.results.explanation import Explanation, Likelihood, Suspect
from harness.core.results.next_step import FIND, UNMEANT, NextStep, NextSteps, accept_step, harness_step
from harness.core.results.verdict import PASSES, REGRESSIONS, Divergence, Verdict
from harness.report.alike import alike, alike_details, alone
from harness.report.details import (
    Line,
    change_lines,
    change_words,
    finding_lines,
    heading,
    labelled,
    log_lines,
    next_lines,
    reason_lines,
    replay_lines,
    warning_lines,
)
from harness.report.harmless import plain
from harness.report.paint import painted
from harness.report.views.stages_table import stage_lines
from harness.report.wording import count_words, tally

MOST_FINDINGS = 8
MOST_BOUNDARIES = 6
MOST_SUSPECTS = {Likelihood.LIKELY: 12, Likelihood.POSSIBLE: 8, Likelihood.UNLIKELY: 4}

_NETWORKS = frozenset({"text_encoding", "image_encoding", "denoiser", "decoding"})
"""The stages whose events call networks, which have modules to examine."""

_WITHOUT_MODULES = (".__call__", ".preprocess", ".postprocess")
"""The methods of tokenizers and processors, which have no modules."""

_HASH = re.compile(r"[0-9a-f]{40,}")
_HASH_SHOWN = 12


def explain_sections(
    explanations: Sequence[Explanation], console: Console, *, quiet: bool, deep: bool
) -> list[list[Text]]:
    """The sections of the screen, top to bottom; `deep` says that modules were already examined."""
    plainly = [one for one in explanations if _is_identical(one)]
    told = [one for one in explanations if not _is_identical(one)]
    if quiet:
        plainly, told = [], [one for one in told if one.result.verdict not in PASSES]
    same = [heading(one.result.verdict, one.result.case, *_where(one)) for one in plainly]
    results = [one.result for one in explanations]
    groups = alike([result for result in results if result.verdict is Verdict.ERROR])
    left = {result.case for result in alone(results, groups)}
    warnings = [] if quiet else warning_lines((result.case, result.warnings) for result in results)
    return [
        *(painted(alike_details(group), console) for group in groups),
        painted(same, console),
        *(_block(one, console, deep=deep) for one in told if one.result.case in left),
        painted(warnings, console),
        *([] if len(plainly) + len(told) == len(explanations) == 1 else [_summary(explanations, console)]),
    ]


def _is_identical(one: Explanation) -> bool:
    """Whether there is nothing to report about the case."""
    failing = any(boundary.verdict not in PASSES for boundary in one.boundaries)
    return one.result.verdict is Verdict.IDENTICAL and not (
        failing or one.divergence or one.notes or one.result.exact_findings
    )


def _where(one: Explanation) -> tuple[str | None, ...]:
    return one.result.platform, one.result.relation


def _summary(explanations: Sequence[Explanation], console: Console) -> list[Text]:
    found = [one.result.verdict for one in explanations]
    counts = tally({verdict: found.count(verdict) for verdict in Verdict if verdict in found})
    cases = count_words(len(found), "case") if found else "no cases"
    return painted([Line(f"{cases}: {counts}" if counts else cases, bold=True, hang=0)], console)


def _block(one: Explanation, console: Console, *, deep: bool) -> list[Text]:
    result = replace(one.result, boundaries=one.boundaries)
    before = [
        heading(result.verdict, result.case, *_where(one)),
        *reason_lines(result, MOST_FINDINGS),
        *finding_lines(result.exact_findings, MOST_FINDINGS),
        *_began(one),
    ]
    after = [
        *replay_lines(one.boundaries, MOST_BOUNDARIES),
        *_suspects(one),
        *(line for note in one.notes for line in labelled("note", note)),
        *log_lines(result.log),
        *next_lines(_steps(one, deep=deep)),
    ]
    return [
        *painted(before, console),
        *stage_lines(one.stages, one.divergence, console),
        *painted(after, console),
    ]


def _began(one: Explanation) -> list[Line]:
    found = one.divergence
    if found is not None:
        place = Line(_place(found), indent=4)
        return [*labelled("where it began", found.sentence, bold=True), place]
    return labelled("where it began", "nothing in the trace stands out") if one.stages else []


def _place(found: Divergence) -> str:
    """`stage scheduler, component scheduler, event scheduler.step[3]`."""
    parts = [
        f"stage {found.stage}",
        f"component {found.component}",
        f"event {found.event}[{found.index}]",
        *([f"module {found.module}"] if found.module else []),
    ]
    return plain(", ".join(parts))


def _suspects(one: Explanation) -> Iterator[Line]:
    """The changes with how well they explain the difference, the most likely first."""
    if not one.suspects:
        yield from change_lines("environment", one.result.environment_changes)
        return
    yield Line("what differs, golden -> now, and how well it explains this:", indent=2)
    for likelihood, most in MOST_SUSPECTS.items():
        group = [suspect for suspect in one.suspects if suspect.likelihood is likelihood]
        yield from map(_suspect, group[:most])
        if len(group) > most:
            yield Line(f"and {len(group) - most} more {likelihood}", indent=4)


def _suspect(suspect: Suspect) -> Line:
    # The likelihoods in one column, the changes in the next.
    word = f"{suspect.likelihood:<{_WIDEST}}"
    told = f"{word}  {change_words(_shortened(suspect.change))}"
    return Line(told, indent=4, verdict=suspect.likelihood, hang=_WIDEST + 2)


_WIDEST = max(map(len, Likelihood))


def _shortened(change: Change) -> Change:
    """The change with its hashes shortened, still long enough to tell them apart."""
    golden, now = (
        side[:_HASH_SHOWN] if side and _HASH.fullmatch(side) else side for side in (change.golden, change.now)
    )
    return replace(change, golden=golden, now=now)


def _steps(one: Explanation, *, deep: bool) -> Iterator[NextSteps]:
    case = one.result.case
    if not deep and _has_unnamed_module(one.divergence):
        yield (harness_step("to name the module", "explain", case, "--deep"),)
    steps = one.result.next_steps
    if not steps and one.result.verdict in REGRESSIONS:
        steps = (accept_step("if the change is intended", case),)
    yield from ((_from_here(step),) for step in steps)


def _from_here(step: NextStep) -> NextStep:
    """The step; one that leads to `explain`, where the reader already is, becomes what to do now."""
    if step.argv[:2] != ("harness", "explain"):
        return step
    return NextStep(f"{UNMEANT}, fix the cause named above" if step.why == f"{UNMEANT}, {FIND}" else step.why)


def _has_unnamed_module(found: Divergence | None) -> bool:
    return (
        found is not None
        and found.stage in _NETWORKS
        and found.module is None
        and not found.event.endswith(_WITHOUT_MODULES)
    )
