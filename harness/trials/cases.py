"""Which cases a command runs, checked before anything is started."""

from __future__ import annotations

from harness.config.load import check_calls
from harness.core.case import Case
from harness.errors import ConfigError, HarnessError
from harness.golden.store import GoldenStore
from harness.invocation.options import Options
from harness.invocation.selection import selected_cases
from harness.report.terminal import Screen


def cases_to_run(options: Options, screen: Screen, store: GoldenStore | None = None) -> tuple[Case, ...]:
    """The selected cases, their calls checked against what their pipelines take before anything is started.

    The calls of those with a golden of this very definition in `store` worked once: what a pipeline no longer
    takes is a finding about the pipeline, not about the config, and comes out when the case is run.
    """
    cases = selected_cases(options, screen)
    try:
        check_calls(cases)
    except ConfigError:
        # Only now the goldens are looked at: all of them are read again when they judge.
        check_calls([case for case in cases if store is None or not _worked_once(case, store)])
    return cases


def _worked_once(case: Case, store: GoldenStore) -> bool:
    """Whether a golden was recorded from the case as it is now; one that cannot be read has its own error later."""
    try:
        documents = [store.document(store.path(case.id, platform)) for platform in store.platforms(case.id)]
    except HarnessError:
        return True
    return any(document.digest == case.digest() for document in documents)
