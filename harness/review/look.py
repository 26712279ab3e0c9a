"""What somebody sees of a failure before they decide about it: how the error grew, and pictures where there are any."""

from __future__ import annotations

from pathlib import Path

from harness.core.capture import Completed
from harness.core.results.explanation import GrowthRow
from harness.core.results.review import Look
from harness.errors import HarnessError
from harness.explain.results import explanation_of
from harness.golden.store import GoldenStore
from harness.judge.evidence import gathered
from harness.review.judged import Folder, Judged
from harness.review.promote import Promotable

_PICTURES = (".png", ".gif", ".mp4", ".wav")


def look_at(one: Promotable, judged: Judged, store: GoldenStore, *, growth: bool = True) -> Look:
    """What there is to see of a failure; without traces, or if it is not asked for, there is no growth."""
    folder = judged.captures.out if isinstance(judged.captures, Folder) else None
    pictures = _pictures(folder, one.case.id) if folder else ()
    return Look(one.result, _growth(one, store) if growth else (), pictures)


def _growth(one: Promotable, store: GoldenStore) -> tuple[GrowthRow, ...]:
    environment = one.document.environment
    outcome = Completed(str(one.capture), environment, one.result.seconds)
    evidence = gathered(one.case, outcome, store, relation=one.result.relation)
    try:
        return explanation_of(evidence, one.result).stages
    except HarnessError:  # whatever is wrong with a file is said when it is accepted
        return ()
    finally:
        evidence.close()


def _pictures(out: Path, case: str) -> tuple[str, ...]:
    """The pictures and sounds in a folder of the case, wherever in the output folder those of all cases lie."""
    folders = (folder / case for folder in out.iterdir())
    found = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    return tuple(sorted(path.as_posix() for path in found if path.suffix in _PICTURES))
