"""A git repository that a test makes, with an identity and without any configuration of the machine's."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Repository:
    """The repository in a folder."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Repository:
        """A new repository in an existing folder."""
        made = cls(folder)
        made.git("init", "-q", "-b", "main")
        made.git("config", "user.name", "Ann")
        made.git("config", "user.email", "ann@example.org")
        return made

    def git(self, *words: str) -> str:
        """Run git in the folder; returns its output."""
        done = subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout

    def commit(self, *paths: str) -> str:
        """Commit these paths; returns the commit."""
        self.git("add", "-A", "--", *paths)
        self.git("commit", "-q", "--allow-empty", "-m", "a step")
        return self.git("rev-parse", "HEAD").strip()
