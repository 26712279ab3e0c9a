"""Puts an inquiry together: the ends, the environments, the runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence

from harness.core.capture import Outcome
from harness.core.case import Case
from harness.core.results.blame import Blame, BlameOutcome, End, Untold
from harness.golden.store import GoldenStore
from harness.invocation.options import BlameOptions, Options
from harness.report.terminal import Screen
from harness.run.trial import Trial
from harness.trials.session import open_session
from harness.upgrade.blame.commits import Commits
from harness.upgrade.blame.conduct import conduct_all
from harness.upgrade.blame.ends import bad_end, candidate_of, good_end
from harness.upgrade.blame.inquiry import CaseInquiry
from harness.upgrade.blame.judged import Threshold
from harness.upgrade.blame.paths import Paths
from harness.upgrade.blame.runs import Conduct, Runs
from harness.upgrade.environments import default_root
from harness.upgrade.index import configured
from harness.upgrade.installer import Unresolvable
from harness.upgrade.judging import needs_building, upgrades
from harness.upgrade.lock import Lock, installed, is_place, source_trees
from harness.upgrade.releases import Releases


def blames(cases: Sequence[Case], options: Options, asked: BlameOptions, screen: Screen) -> Iterator[Blame]:
    """The blame of each case as soon as it is known. Raises UsageError for what cannot be meant."""
    index = configured()
    here = Lock({**installed().packages, **source_trees().packages})
    sdists = asked.sdists or _needs_building(asked, here)
    how = upgrades(index, here, asked.installer, sdists=sdists, large=asked.large)
    scratch, caches = options.out / "blame", default_root().parent
    shutil.rmtree(scratch, ignore_errors=True)
    runs = Runs(
        root=caches / "runs",
        scratch=scratch / "runs",
        device=options.device,
        environments=how.environments,
        here=here,
        conduct=_conduct(options, screen),
    )
    paths = Paths(Releases(index, asked.sdists), how.installer, Commits(caches / "git"))
    end: End = "bad"
    try:
        bad = bad_end(asked, how)
        end = "good"
        good = good_end(asked, how, bad)
    except Unresolvable as error:
        reason = Untold(end, f"cannot be resolved: {error}", unusable=True)
        yield from (Blame(case.id, BlameOutcome.CANNOT_TELL, reason=reason) for case in cases)
        return
    inquiries = [
        CaseInquiry(
            case=case,
            bad=bad,
            good_end=good,
            store=GoldenStore(options.goldens),
            paths=paths,
            threshold=Threshold(asked.bitwise, asked.least),
            scratch=scratch / "compared" / str(number),
            every=asked.every,
        )
        for number, case in enumerate(cases)
    ]
    yield from conduct_all(inquiries, runs, screen.note)
    shutil.rmtree(scratch, ignore_errors=True)


def _needs_building(asked: BlameOptions, here: Lock) -> bool:
    named = (candidate_of(asked.good, "--good"), candidate_of(asked.bad, "--bad"))
    return any(map(needs_building, named)) or any(map(is_place, here.packages.values()))


def _conduct(options: Options, screen: Screen) -> Conduct:
    def conduct(trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        with open_session(options, screen, len({trial.case.id for trial in trials})) as session:
            yield from session.conduct(trials)

    return conduct
