"""The commits of a source tree between two of its states."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
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
        commits = _way(clone, first, last)
        if commits is None:
            return None
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
            with TemporaryDirectory(dir=self.root) as aside:
                _git(self.root, "clone", "--quiet", "--bare", "--filter=blob:none", url, f"{aside}/clone")
                with suppress(OSError):  # somebody else cloned it meanwhile
                    Path(aside, "clone").rename(clone)
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


def _way(clone: Path, first: str, last: str) -> Sequence[str] | None:
    """The commits after `first` up to `last`; None if they have no history in common.

    A release is often made on a branch of its own: the way then leads over the commit at which that branch began.
    """
    done = _run(clone, "merge-base", first, last)
    base = done.stdout.strip()
    if done.returncode or not base:
        return None
    back = _first_parents(clone, base, first)[1:]
    onward = _first_parents(clone, base, last)[::-1]
    return [*back, *([base] if base != first else []), *onward]


def _first_parents(clone: Path, base: str, tip: str) -> list[str]:
    """The commits after `base` up to `tip`, the newest first."""
    return _git(clone, "rev-list", "--first-parent", f"{base}..{tip}").split()


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
            # Nobody is asked for a password: a search may run unattended.
            env={"GIT_SSH_COMMAND": "ssh -o BatchMode=yes", **os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
    except FileNotFoundError as error:
        raise NoCommits("git is not installed; install it, or name releases instead of commits") from error
