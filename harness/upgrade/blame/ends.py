"""The two ends of a search: the versions that were good, and those that are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path

from harness.core.capture import CaptureDocument
from harness.core.environment import Change
from harness.invocation.options import BlameOptions
from harness.upgrade.blame.inquiry import Ends, GoodEnd
from harness.upgrade.blame.own_changes import recorded_versions
from harness.upgrade.candidate import Candidate, Said, candidate
from harness.upgrade.installer import Unresolvable, Wish
from harness.upgrade.judging import HELD, Upgrades, resolved
from harness.upgrade.lock import Lock, is_place

_OF_TORCH = ("nvidia-", "triton", "pytorch-triton")
"""What torch pins to one version: it stays where torch stays."""

_LOCKS = (".txt", ".toml", ".lock")


def bad_end(asked: BlameOptions, how: Upgrades) -> Lock:
    """The bad end: what is asked for, else what is installed. Raises Unresolvable, UsageError."""
    return resolved(candidate_of(asked.bad, "--bad"), how) if asked.bad else how.here


def good_end(asked: BlameOptions, how: Upgrades, bad: Lock) -> GoodEnd:
    """Decides the good end, once for all cases if it is asked for: of a day, of --good, or what is installed.

    Otherwise it is the versions that the golden was recorded with. Raises Unresolvable, UsageError.
    """
    if asked.since:
        return _always(
            Ends(resolved(candidate((), day=asked.since, said=Said(day="--since")), how), bad, asked=True)
        )
    if asked.good:
        return _always(Ends(resolved(candidate_of(asked.good, "--good"), how), bad, asked=True))
    if asked.bad:
        return _always(Ends(how.here, bad, asked=True))
    return lambda golden: golden_ends(golden, how, bad) if golden else None


def _always(ends: Ends) -> GoodEnd:
    return lambda _golden: ends


def candidate_of(specs: Sequence[str], option: str) -> Candidate:
    """The candidate of --good or --bad; one word that is the name of a lock file is that lock."""
    locks = [one for one in specs if Path(one).suffix in _LOCKS and Path(one).is_file()]
    lock = Path(locks[0]) if locks else None
    return candidate([one for one in specs if one not in locks], lock, said=Said(option, option, option))


def golden_ends(golden: CaptureDocument, how: Upgrades, bad: Lock) -> Ends:
    """From the versions that the golden names to `bad`; torch stays where it is unless gigabytes may be downloaded."""
    recorded = {
        name: _as_installed(name, version, bad) for name, version in recorded_versions(golden).items()
    }
    moved = {
        name: version
        for name, version in recorded.items()
        if bad.packages.get(name) != version and not _is_linked(name, version, bad)
    }
    held = [name for name in HELD if name in moved and not how.large]
    changes = tuple(Change(name, moved.pop(name), bad.packages.get(name)) for name in held)
    if held:
        moved = {name: version for name, version in moved.items() if not name.startswith(_OF_TORCH)}
    if not moved:
        return Ends(bad, bad, changes)
    return Ends(_with(moved, bad, how), bad, changes)


def _is_linked(name: str, recorded: str, bad: Lock) -> bool:
    """Whether a source tree of this version is linked in; no index has it, and nothing else tells that it moved."""
    try:
        return is_place(bad.packages.get(name, "")) and version_of(name) == recorded
    except PackageNotFoundError:
        return False


def _as_installed(name: str, recorded: str, bad: Lock) -> str:
    """The version that an installer knows: torch names its build (+cu128) even where its index does not."""
    plain = name in HELD and "+" not in bad.packages.get(name, "+")
    return recorded.partition("+")[0] if plain else recorded


def _with(moved: Mapping[str, str], bad: Lock, how: Upgrades) -> Lock:
    """`bad` with these versions and what has to move with them; if they contradict each other, with nothing else."""
    exact = Lock({**bad.packages, **moved})
    pins = Lock({**_held(bad), **moved}).requirements()
    try:
        return how.installer.resolve(Wish(pins, exact.words(bad.packages), exact))
    except Unresolvable:
        return exact


def _held(bad: Lock) -> Mapping[str, str]:
    return {name: bad.packages[name] for name in HELD if name in bad.packages}
