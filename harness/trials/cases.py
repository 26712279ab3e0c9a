"""Which cases a command runs, checked before anything starts."""

from __future__ import annotations

from collections.abc import Sequence

from harness.config.load import check_calls
from harness.core.case import Case
from harness.errors import ConfigError, HarnessError
from harness.golden.store import GoldenStore
from harness.invocation.options import Options
from harness.invocation.selection import selected_cases
from harness.report.terminal import Screen


def cases_to_run(
    options: Options, screen: Screen, store: GoldenStore | None = None, *, elsewhere: bool = False
) -> tuple[Case, ...]:
    """The selected cases, after checking their calls against what their pipelines accept.

    If `store` has a golden of exactly this definition, the call worked once. An argument that the pipeline no
    longer accepts is then a finding about the pipeline, not about the config, and shows when the case runs. With
    `elsewhere` the cases run under other versions, which may have classes that the installed ones lack.
    """
    cases = selected_cases(options, screen, elsewhere=elsewhere)
    check(cases, store)
    return cases


def check(cases: Sequence[Case], store: GoldenStore | None = None) -> None:
    """Check the calls of `cases` as `cases_to_run` does; raises ConfigError."""
    try:
        check_calls(cases)
    except ConfigError:
        # Goldens are read only now, since each is read again when it judges.
        check_calls([case for case in cases if store is None or not _worked_once(case, store)])


def _worked_once(case: Case, store: GoldenStore) -> bool:
    """Whether a golden was recorded from the case as it is now; an unreadable one is reported later."""
    try:
        documents = [store.document(store.path(case.id, platform)) for platform in store.platforms(case.id)]
    except HarnessError:
        return True
    return any(document.digest == case.digest() for document in documents)
