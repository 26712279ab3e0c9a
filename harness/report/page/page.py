"""Renders a review as one HTML file that loads nothing, which its Content-Security-Policy says too."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.environment import Change, Environment
from harness.core.results.next_step import NextStep, accept_step, harness_step
from harness.core.results.reasons import Warned
from harness.core.results.verdict import CaseResult, Report, Verdict
from harness.report.details import by_relevance, change_words, warning_lines
from harness.report.group_words import group_count, group_sentence, moved_words
from harness.report.harmless import one_line, plain
from harness.report.page.bars import metric_bars
from harness.report.page.curves import growth_chart
from harness.report.page.review import Review
from harness.report.page.shown import Picture
from harness.report.reason_words import command_words, invariant_words, reason_words, warning_words
from harness.report.wording import (
    count_words,
    fails,
    number,
    rejection_words,
    seconds_words,
    tensor_words,
    unfinished_words,
    verdict_summary,
    worst_words,
)

if TYPE_CHECKING:
    import jinja2

_FOLDER = Path(__file__).parent

_POLICY = (
    "default-src 'none'; img-src data:; media-src data:; style-src 'sha256-{style}'; script-src 'sha256-{script}'; "
    "base-uri 'none'; form-action 'none'"
)

ICONS: Mapping[Verdict, str] = {
    Verdict.IDENTICAL: "✓",
    Verdict.WITHIN: "≈",
    Verdict.DRIFTED: "△",
    Verdict.BROKEN: "✕",
    Verdict.STALE: "↻",
    Verdict.NO_GOLDEN: "○",
    Verdict.SKIPPED: "–",
    Verdict.ERROR: "!",
}
"""Verdicts are told by a sign and a word, never by colour alone."""

_SHOWN_SIDE = 400  # pixels of the screen that a picture takes at least, if it is enlarged by a whole number

_PACKAGES = ("torch", "diffusers", "transformers")


def page_html(review: Review) -> str:
    """The page of a review, as one text; everything from elsewhere is escaped."""
    report = review.report
    here = report.command == "verify"
    return _rendered(
        "page.html",
        review=review,
        report=report,
        summary=_summary(report),
        title=_title(report),
        moved=_moved(report.cases),
        running=_running(report.environment),
        key=_key(report),
        several_platforms=len({one.platform for one in report.cases if one.platform}) > 1,
        commands=Commands(review.out, here, acceptable=here and report.finished),
    )


def index_html(candidates: Sequence[tuple[Report, str]]) -> str:
    """The page that lists the reports of several candidates, each with the address of its own page."""
    told = [(report, _title(report), _summary(report), link) for report, link in candidates]
    return _rendered("index.html", candidates=told)


def _rendered(template: str, **values: object) -> str:
    """A page by its template, with the stylesheet, the script and the policy that allows only these."""
    from markupsafe import Markup

    style, script = stylesheet(), _FOLDER.joinpath("script.js").read_text(encoding="utf-8")
    page = _environment().get_template(template)
    return page.render(policy=policy_of(style, script), style=Markup(style), script=Markup(script), **values)


def stylesheet() -> str:
    """The stylesheet that all pages share."""
    return _FOLDER.joinpath("style.css").read_text(encoding="utf-8")


def policy_of(style: str, script: str) -> str:
    """The Content-Security-Policy that allows this stylesheet and this script, and nothing else."""
    return _POLICY.format(style=_digest(style), script=_digest(script))


@cache
def _environment() -> jinja2.Environment:
    """The templates; loaded lazily, since most commands write no page."""
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=told,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update({one.__name__: one for one in _WORDS}, verdicts=list(Verdict))
    templates.filters.update(number=number, one_line=one_line)
    return templates


def sign(verdict: Verdict) -> str:
    """The sign of a verdict."""
    return ICONS.get(verdict, "•")


def told(value: object) -> object:
    """What a template prints; marks that reorder or hide text become visible."""
    return plain(value) if type(value) is str and len(value) < 100_000 else value


def shown_width(picture: Picture) -> int:
    """The width on the screen, in pixels: small pictures are enlarged by a whole number."""
    return picture.width * max(1, _SHOWN_SIDE // max(picture.width, picture.height))


@dataclass(frozen=True, slots=True)
class Commands:
    """What the commands on a page have to say: the output folder, "" for the default, and what is possible at all.

    Nothing of other versions can be reproduced here, and nothing of them, or of a run that did not finish, accepted.
    """

    out: str
    here: bool = True
    acceptable: bool = True

    def of(self, result: CaseResult) -> list[NextStep]:
        """The commands of a case, each with what it is for: to run it again, what the result advises, to accept."""
        advised = _advised(result)
        told = {step.argv[:2] for step in advised}
        own = [step for step in _own_steps(result) if step.argv[:2] not in told] if self.here else []
        accept = self._accept("if it is intended, to accept what was judged here", [result])
        return [*own, *advised, *([accept] if accept else [])]

    def first(self, result: CaseResult) -> NextStep:
        """The one command for the cases of a cause: the first that the result advises."""
        return next(iter((*_advised(result), *self.of(result))), NextStep())

    def accept_all(self, results: Sequence[CaseResult]) -> NextStep:
        """The command that accepts these cases, those that have a capture; an empty step if it is impossible."""
        return self._accept("if all of them are intended", results) or NextStep()

    def _accept(self, why: str, results: Sequence[CaseResult]) -> NextStep | None:
        ids = dict.fromkeys(one.case for one in results if one.capture)
        if not ids or not self.acceptable:
            return None
        return accept_step(why, *ids, out=self.out)


def _advised(result: CaseResult) -> list[NextStep]:
    """The commands that the result advises; what accepts it is known better here."""
    return [step for step in result.next_steps if step.argv and step.argv[:2] != ("harness", "accept")]


def _own_steps(result: CaseResult) -> list[NextStep]:
    steps = [harness_step("to reproduce it", "verify", result.case)]
    if result.verdict in (Verdict.DRIFTED, Verdict.BROKEN):
        steps.append(harness_step("to see where it began", "explain", result.case))
        steps.append(harness_step("to learn which dependency did it", "blame", result.case))
    return steps


def gist(result: CaseResult) -> str:
    """What a row says of a case: the worst metric of one that drifted, the reason of others."""
    told = worst_words(result) if result.verdict is Verdict.DRIFTED else ""
    return told or one_line(reason_words(result.reasons))


def with_warnings(results: Sequence[CaseResult]) -> list[tuple[str, Sequence[Warned]]]:
    """The id and the warnings of each result."""
    return [(one.case, one.warnings) for one in results]


def _summary(report: Report) -> str:
    how = report.passing
    return verdict_summary(report, allow_missing=how.allow_missing, strict=how.strict)


def _title(report: Report) -> str:
    """`3 of 12 cases failed`, `12 cases: all pass`."""
    how = report.passing
    failed = sum(fails(one, allow_missing=how.allow_missing, strict=how.strict) for one in report.cases)
    total = count_words(len(report.cases), "case")
    told = f"{failed} of {total} failed" if failed else f"{total}: all pass"
    return told if report.finished else f"{unfinished_words(report.not_run)}; {told}"


def _moved(cases: Sequence[CaseResult]) -> list[tuple[Change, int]]:
    """What differs between the environments of goldens and runs, with the number of cases; likely causes first."""
    counts = Counter(change for one in cases for change in one.environment_changes)
    return [(change, counts[change]) for change in by_relevance(list(counts))]


def _running(environment: Environment | None) -> list[tuple[str, str]]:
    if environment is None:
        return []
    versions = environment.software.packages
    hardware = environment.hardware.gpu or environment.hardware.cpu_model
    found = [
        ("platform", environment.platform),
        ("hardware", hardware),
        ("Python", environment.software.python),
    ]
    return found + [(name, versions[name]) for name in _PACKAGES if name in versions]


def _key(report: Report) -> str:
    """What the marks of this report are kept under: they hold for exactly these captures."""
    captures = [(one.case, one.verdict, one.capture.sha256 if one.capture else "") for one in report.cases]
    return hashlib.sha256(repr((report.started, captures)).encode()).hexdigest()[:16]


def _digest(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


_WORDS: tuple[Callable[..., object], ...] = (
    change_words,
    command_words,
    count_words,
    gist,
    group_count,
    group_sentence,
    growth_chart,
    invariant_words,
    metric_bars,
    moved_words,
    reason_words,
    rejection_words,
    seconds_words,
    shown_width,
    sign,
    tensor_words,
    warning_lines,
    warning_words,
    with_warnings,
    worst_words,
)
"""What templates call by name."""
