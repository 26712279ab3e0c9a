"""`harness verify`: run the cases, judge each against its golden, report."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.core.results.next_step import without_accept
from harness.core.results.verdict import Report
from harness.errors import HarnessError
from harness.explain.results import Growths, with_growth
from harness.golden.store import GoldenStore
from harness.invocation.arguments import RUNNING, goldens, installs, judges, publishes, replays
from harness.invocation.command import Command, options_of, writes
from harness.invocation.emit import emit
from harness.invocation.options import Options, UpgradeOptions, VerifyOptions
from harness.invocation.publish import annotate, documents, judged_here
from harness.report import json_report
from harness.report.harmless import harmless_json
from harness.report.terminal import Screen
from harness.review.drafts import with_drafts
from harness.review.offers import with_offers
from harness.review.page.publishing import PAGE_NAME, discard_page, try_to_publish, try_to_publish_index
from harness.review.reject import with_rejections
from harness.trials.captures import REPORT_NAME
from harness.trials.cases import cases_to_run
from harness.trials.session import open_session
from harness.trials.verification import Verification, judge_all

CANDIDATES_NAME = "candidates.json"
"""The report of a verify under other versions, in the output folder."""

_ALONE = "holds the verdicts of this environment; leave it out, or leave out the other versions"


def verify(options: Options, how: VerifyOptions, screen: Screen) -> Report:
    """Run, judge, write and show the report.

    If it ends early, for whatever reason, it reports what was judged so far, as unfinished.
    """
    store = GoldenStore(options.goldens)
    cases = cases_to_run(options, screen, store)
    found, growths = Verification.of(cases, options.out, how), Growths()
    # Before the first capture is removed: the report of an earlier verify would describe captures that are gone.
    discard_page(options.out)
    json_report.write_text(options.out / REPORT_NAME, json_report.verify_json(found.unfinished()))
    try:
        with open_session(options, screen, len(cases)) as session:
            judge_all(found, session, store, settle=partial(with_growth, growths=growths))
        report = _remembered(found.report(), options)
    except BaseException:
        _save_unfinished(found.unfinished(), options, screen, growths)
        raise
    try:
        save_report(report, options)
    finally:  # a full disk must not hide the verdicts
        screen.show_verify(report, allow_missing=how.allow_missing, strict=how.strict)
        annotate(report, options, screen)
        _publish(report, options, screen, growths)
    return report


def verify_upgrades(options: Options, how: VerifyOptions, upgrade: UpgradeOptions, screen: Screen) -> int:
    """Returns the worst exit code of the candidates; each has a folder of its own in the output folder.

    However it ends, the report says of each candidate whether it was judged.
    """
    from harness.upgrade import judging  # imported lazily: a plain verify needs none of it

    asked = judging.candidates_of(upgrade)
    cases = cases_to_run(options, screen, GoldenStore(options.goldens), elsewhere=True)
    reports = [judging.not_judged(one, cases) for one in asked]
    json_report.write_text(options.out / CANDIDATES_NAME, _candidates_json(reports))
    try:
        found = judging.judge_candidates(asked, cases, options, how, upgrade, screen)
        for place, report in enumerate(found):
            reports[place] = _of_candidate(_remembered(report, options))
    except BaseException:
        _save_candidates(reports, options)
        _publish_candidates(reports, options, screen)
        raise
    try:
        _save_candidates(reports, options)
    finally:
        screen.show_candidates(reports, allow_missing=how.allow_missing, strict=how.strict)
        _publish_candidates(reports, options, screen)
    return max(one.exit_code(allow_missing=how.allow_missing, strict=how.strict) for one in reports)


def _save_candidates(reports: Sequence[Report], options: Options) -> None:
    text = _candidates_json(reports)
    json = [(options.json, harmless_json(text))] if options.json is not None else []
    emit((options.out / CANDIDATES_NAME, text), *json)


def _candidates_json(reports: Sequence[Report]) -> str:
    if len(reports) == 1:
        return json_report.verify_json(reports[0])
    return json_report.candidates_json(reports)


def _remembered(report: Report, options: Options) -> Report:
    """The report with what is known from before: rejected failures, drafts that wait, goldens under an old name."""
    store = GoldenStore(options.goldens)
    told = with_drafts(with_rejections(report, store), store)
    offered = with_offers(told, options.configs, options.goldens)
    return replace(offered, cases=tuple(judged_here(one, options) for one in offered.cases))


def _of_candidate(report: Report) -> Report:
    cases = (replace(one, next_steps=without_accept(one.next_steps)) for one in report.cases)
    return replace(report, cases=tuple(cases))


def save_report(report: Report, options: Options) -> None:
    """Write report.json to the output folder, and the files that the options name."""
    emit((options.out / REPORT_NAME, json_report.verify_json(report)), *documents(report, options))


def _publish(report: Report, options: Options, screen: Screen, growths: Growths) -> None:
    """Write the page to the output folder, and say where it is if anything needs a decision."""
    page = try_to_publish(report, options, screen.warn, growths)
    how = report.passing
    if page is not None and report.exit_code(allow_missing=how.allow_missing, strict=how.strict) != 0:
        screen.say(f"pictures, causes and commands: {page}")


def _publish_candidates(reports: Sequence[Report], options: Options, screen: Screen) -> None:
    """Write the page of the only candidate, or one for each and a page that lists them."""
    from harness.upgrade.judging import candidate_folder

    discard_page(options.out)
    if len(reports) == 1:
        try_to_publish(reports[0], options, screen.warn, folder=candidate_folder(options, 1))
        return
    folders = [candidate_folder(options, number) for number, _ in enumerate(reports, 1)]
    for report, folder in zip(reports, folders, strict=True):
        try_to_publish(report, replace(options, out=folder), screen.warn)
    try_to_publish_index(reports, [folder / PAGE_NAME for folder in folders], options, screen.warn)


def _save_unfinished(report: Report, options: Options, screen: Screen, growths: Growths) -> None:
    """Report what was judged before an exception ended the verify; never raises another one in its place."""
    try:
        report = _remembered(report, options)
        save_report(report, options)
    except (HarnessError, OSError) as error:
        screen.warn(f"the report of what was judged could not be written: {error}")
        return
    try_to_publish(report, options, screen.warn, growths)
    done, path = len(report.cases), options.out / REPORT_NAME
    screen.warn(f"not finished: {done} of {done + len(report.not_run)} cases were judged, see {path}")


def passes(command: argparse.ArgumentParser) -> None:
    """Which verdicts pass."""
    command.add_argument("--allow-missing", action="store_true", help="a case without a golden passes")
    command.add_argument("--strict", action="store_true", help="a skipped case fails")


class _Another(argparse.Action):
    """`--with A --with B --or-with C`: the first two make one candidate, the third begins the next."""

    def __call__(
        self, _parser: object, namespace: argparse.Namespace, value: object, option: str | None = None
    ) -> None:
        """Add the value to the last candidate, or to a new one."""
        candidates: list[list[str]] = getattr(namespace, self.dest) or []
        if option == "--or-with" or not candidates:
            candidates.append([])
        candidates[-1].append(str(value))
        setattr(namespace, self.dest, candidates)


def _upgrades(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "other versions", "judge the goldens under other versions; this environment stays as it is"
    )
    group.add_argument(
        "--with",
        dest="candidates",
        action=_Another,
        metavar="SPEC",
        help="a requirement (diffusers==0.43.0), a folder of sources or git+URL@REF; may be given again",
    )
    group.add_argument(
        "--or-with",
        dest="candidates",
        action=_Another,
        metavar="SPEC",
        help="the same, for another candidate",
    )
    group.add_argument(
        "--with-lock", type=Path, metavar="FILE", help="a requirements.txt, pylock.toml or uv.lock"
    )
    group.add_argument(
        "--with-date", metavar="DATE", help="everything as it stood at the end of that day (2026-03-01)"
    )
    group.add_argument(
        "--with-matrix",
        type=Path,
        metavar="FILE",
        help="a YAML file of several candidates: versions of each package, of which all combinations are tried, or "
        "a list of lists of SPEC",
    )
    installs(group)


def _misuse(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.with_lock and arguments.with_date:
        yield "--with-lock and --with-date each decide all versions; leave one of them out"
    if arguments.with_matrix and arguments.candidates:
        yield "--with-matrix lists all candidates; put them there, or leave it out"
    if arguments.candidates or arguments.with_lock or arguments.with_date or arguments.with_matrix:
        for option in ("junit", "markdown"):
            if getattr(arguments, option):
                yield f"--{option} {_ALONE}"
        return
    given = {
        "--installer": arguments.installer != "auto",
        "--allow-sdist": arguments.allow_sdist,
        "--yes": arguments.yes,
    }
    if ignored := [option for option, value in given.items() if value]:
        yield f"no other versions are asked for; add --with SPEC, or leave out {', '.join(ignored)}"


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    how = VerifyOptions(arguments.relation, arguments.allow_missing, arguments.strict, arguments.forced)
    upgrade = UpgradeOptions(
        tuple(map(tuple, arguments.candidates or ())),
        arguments.with_lock,
        arguments.with_date,
        arguments.installer,
        arguments.allow_sdist,
        arguments.yes,
        arguments.with_matrix,
    )
    if upgrade.asked:
        return verify_upgrades(options_of(arguments), how, upgrade, screen)
    report = verify(options_of(arguments), how, screen)
    return report.exit_code(allow_missing=how.allow_missing, strict=how.strict)


COMMAND = Command(_run, (*RUNNING, goldens, judges, passes, replays, publishes, _upgrades), writes, _misuse)
