"""The commits of a source tree between two of its states."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from harness.errors import HarnessError


class NoCommits(HarnessError):
    """A repository cannot be read."""


@dataclass(frozen=True, slots=True)
class Source:
    """A state of a repository: its address, and a commit, branch or tag; "" is the state of a folder as it is."""

    url: str
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Commits:
    """Reads repositories; clones of other machines' are kept under `root`."""

    root: Path

    def between(self, before: str | None, after: str | None) -> Sequence[str] | None:
        """Every commit of the first parents on the way, both ends included; None if the two have no history in common.

        An end is the address of a source tree, or a version whose tag the repository has. Raises NoCommits.
        """
        ends = [source_of(one) for one in (before, after) if one]
        sources = [one for one in ends if one]
        if before is None or after is None or not sources or len({one.url for one in sources}) > 1:
            return None
        clone = self._clone(sources[0].url)
        first, last = (_commit(clone, one) for one in (before, after))
        if first is None or last is None or first == last:
            return None
        commits = _git(clone, "rev-list", "--first-parent", "--reverse", f"{first}..{last}").split()
        between = [f"git+{sources[0].url}@{one}" for one in commits[:-1]]
        # A folder as it is may hold more than its last commit.
        own = source_of(after)
        if own and not own.ref and commits:
            between.append(f"git+{own.url}@{commits[-1]}")
        return (before, *between, after)

    def _clone(self, url: str) -> Path:
        if url.startswith("file://"):
            return Path(url2pathname(urlsplit(url).path))
        clone = self.root / hashlib.sha256(url.encode()).hexdigest()[:32]
        if not clone.is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
            _git(self.root, "clone", "--quiet", "--bare", "--filter=blob:none", url, str(clone))
        else:
            _git(clone, "fetch", "--quiet", "--tags", "--prune", "origin", "+refs/heads/*:refs/heads/*")
        return clone


def source_of(version: str) -> Source | None:
    """The state of a repository that the address of a package means; None for a version of an index."""
    if found := re.fullmatch(r"git\+(?P<url>[^@#]+(?:@[^@#/]+/[^@#]+)?)@(?P<ref>[^#]+)(?:#.*)?", version):
        return Source(found["url"], found["ref"])
    if version.startswith("file://") and (Path(url2pathname(urlsplit(version).path)) / ".git").exists():
        return Source(version.rstrip("/"))
    return None


def _commit(clone: Path, end: str) -> str | None:
    """The commit of an end, that of its tag if it is a version."""
    source = source_of(end)
    names = [source.ref or "HEAD"] if source else [f"v{end}", end]
    for name in names:
        done = _run(clone, "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}")
        if done.returncode == 0:
            return done.stdout.strip()
    return None


def _git(folder: Path, *words: str) -> str:
    done = _run(folder, *words)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NoCommits(
            f"git {words[0]} in {folder}: {said}; make the repository reachable, or name releases"
        )
    return done.stdout


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise NoCommits("git is not installed; install it, or name releases instead of commits") from error
