"""Resolves requirements and fills environments: with uv where there is one, else with pip."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

from packaging.utils import canonicalize_name

from harness.errors import HarnessError, UsageError
from harness.upgrade.index import Index
from harness.upgrade.lock import Lock, lock_of, place_of


class Unresolvable(HarnessError):
    """No set of versions meets the requirements; the message says which contradict each other."""


class NotInstalled(HarnessError):
    """A package could not be downloaded, built or unpacked."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be resolved.

    `requirements` have to be met, `names` be there in any version. Those in `preferred` keep that version as long as
    nothing forces another one. With `day` nothing counts that was uploaded after it. Without `sdists` only wheels
    are taken.
    """

    requirements: tuple[str, ...]
    names: tuple[str, ...] = ()
    preferred: Lock = field(default_factory=Lock)
    day: date | None = None
    sdists: bool = False


class Installer(Protocol):
    """Resolves and installs."""

    name: str

    def resolve(self, wish: Wish) -> Lock:
        """A lock that meets `wish`; raises Unresolvable."""

    def create(self, folder: Path) -> None:
        """An empty environment of this Python in `folder`; raises NotInstalled."""

    def install(self, lock: Lock, folder: Path) -> None:
        """Put exactly the packages of `lock` into the environment in `folder`; raises NotInstalled."""


def installer(index: Index, wished: str = "auto", *, sdists: bool = False) -> Installer:
    """The installer: `uv`, `pip`, or with `auto` uv where it is there and can be told all that pip is."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if wished == "uv" and not uv:
        raise UsageError("--installer uv: not found; install uv (pip install uv), or leave the option out")
    if wished == "pip" or not uv or (wished == "auto" and index.unknown):
        return Pip(index, sdists=sdists)
    return Uv(uv, index, sdists=sdists)


def python_of(folder: Path) -> Path:
    """The interpreter of the environment in `folder`."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


class Uv:
    """The installer that is there in seconds: it links files from its cache."""

    name = "uv"

    def __init__(self, uv: str, index: Index, *, sdists: bool = False) -> None:
        self._uv = uv
        self._index = index
        self._wheels = () if sdists else ("--no-build",)

    def resolve(self, wish: Wish) -> Lock:
        """A lock that meets `wish`; raises Unresolvable."""
        with tempfile.TemporaryDirectory(prefix="harness-resolve-") as folder:
            asked, found = Path(folder, "asked.in"), Path(folder, "found.txt")
            asked.write_text(_lines([*wish.requirements, *wish.names]))
            # Pins of an output file that is there already are kept where nothing forces others.
            found.write_text(_lines(wish.preferred.requirements()))
            # uv counts the whole of that day.
            day = [f"--exclude-newer={wish.day}"] if wish.day else []
            words = ["pip", "compile", str(asked), "-o", str(found), "--no-header", "--no-annotate"]
            self._run(
                [*words, "--python", sys.executable, *day, *self._wheels, *self._index.uv_constraints()],
                Unresolvable,
            )
            return lock_of(found.read_text().splitlines())

    def create(self, folder: Path) -> None:
        """An empty environment of this Python in `folder`; raises NotInstalled."""
        _run([self._uv, "venv", "--quiet", "--python", sys.executable, str(folder)], {}, NotInstalled)

    def install(self, lock: Lock, folder: Path) -> None:
        """Put exactly the packages of `lock` into the environment in `folder`; raises NotInstalled."""
        with tempfile.TemporaryDirectory(prefix="harness-install-") as scratch:
            pins = Path(scratch, "lock.txt")
            pins.write_text(_lines(lock.requirements()))
            words = ["pip", "install", "--no-deps", "-r", str(pins), "--python", str(python_of(folder))]
            self._run([*words, *self._wheels], NotInstalled)

    def _run(self, words: Sequence[str], error: type[HarnessError]) -> None:
        command = [self._uv, *words, "--quiet", *self._index.uv_words()]
        _run(command, self._index.uv_environment(), error)


class Pip:
    """The installer that every Python has."""

    name = "pip"

    def __init__(self, index: Index, *, sdists: bool = False) -> None:
        self._index = index
        self._wheels = () if sdists else ("--only-binary=:all:",)

    def resolve(self, wish: Wish) -> Lock:
        """A lock that meets `wish`; raises Unresolvable."""
        kept = dict(wish.preferred.packages)
        for name in _names(wish.requirements):
            kept.pop(name, None)
        while True:
            try:
                return self._resolved(wish, kept)
            except Unresolvable as error:
                # pip knows no preferences: pins that stand in the way are given up, the named ones first.
                if not kept:
                    raise
                named = {name for name in kept if re.search(rf"\b{re.escape(name)}\b", str(error))}
                for name in named or set(kept):
                    del kept[name]

    def create(self, folder: Path) -> None:
        """An empty environment of this Python in `folder`; raises NotInstalled."""
        _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], {}, NotInstalled)

    def install(self, lock: Lock, folder: Path) -> None:
        """Put exactly the packages of `lock` into the environment in `folder`; raises NotInstalled."""
        pip = [sys.executable, "-m", "pip", "--python", str(python_of(folder))]
        # What a run imports is compiled then, or linked from another environment; all of it would take minutes.
        words = ["install", "--quiet", "--no-deps", "--no-compile", *self._wheels, *lock.requirements()]
        _run([*pip, *words], {}, NotInstalled)

    def _resolved(self, wish: Wish, kept: Mapping[str, str]) -> Lock:
        with tempfile.TemporaryDirectory(prefix="harness-resolve-") as folder:
            pins, report = Path(folder, "pins.txt"), Path(folder, "report.json")
            pins.write_text(_lines(Lock(kept).requirements()))
            # pip takes the first moment that does not count.
            day = [f"--uploaded-prior-to={wish.day + timedelta(days=1)}"] if wish.day else []
            words = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(report)]
            asked = [*words, "--constraint", str(pins), *day, *self._wheels, *wish.requirements, *wish.names]
            _run([sys.executable, "-m", "pip", *asked], {}, Unresolvable)
            return _lock_of_report(json.loads(report.read_text()))


def _lock_of_report(report: Mapping[str, list[Mapping[str, Any]]]) -> Lock:
    """The lock of pip's installation report (pip.pypa.io/en/stable/reference/installation-report)."""
    return Lock({canonicalize_name(one["metadata"]["name"]): _pinned(one) for one in report["install"]})


def _pinned(reported: Mapping[str, Any]) -> str:
    """The version of what comes from an index, the address of what was asked for by it."""
    if not reported.get("is_direct"):
        return str(reported["metadata"]["version"])
    return place_of(reported["download_info"])


def _names(requirements: Iterable[str]) -> Iterable[str]:
    for text in requirements:
        if match := re.match(r"[A-Za-z0-9][\w.-]*", text):
            yield canonicalize_name(match[0])


def _lines(words: Iterable[str]) -> str:
    return "".join(f"{word}\n" for word in words)


def _run(command: Sequence[str], variables: Mapping[str, str], error: type[HarnessError]) -> None:
    """Run an installer; raises `error` with what it said."""
    done = subprocess.run(
        command,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise error(_told(done.stderr or done.stdout) or f"{command[0]} ended with code {done.returncode}")


_WITHOUT_NEWS = ("[notice]", "WARNING:", "warning:", "No solution found when resolving dependencies")


def _told(text: str) -> str:
    """What an installer said, without its drawing, its notices and the paths of scratch files."""
    lines = [re.sub(r"^(?:[\s×│╰─▶·]|error:|ERROR:|cause:)+", "", line).strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(_WITHOUT_NEWS)]
    # pip lists every version that there is.
    return re.sub(
        r"\(from versions: (?:[^,)]+, )*?((?:[^,)]+, ){2}[^,)]+)\)", r"(the newest: \1)", " ".join(kept)
    )
