"""Does the suite notice when our own code is wrong? Plant one fault at a time in a copy and run the tests meant for it.

    python scripts/mutants.py [--only NAME...] [--whole]
    python scripts/mutants.py --list

The faults are in mutants.toml. Every line of the table ends in what became of the mutant: `killed` by the test that is
named, `SURVIVED`, or `undecided` where the tests came to no verdict. Exit code 0 when all were killed, 1 when not, 2
where a mutant does not apply: its text is gone from the code, or stands there twice.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path(__file__).with_suffix(".toml")

KILLED, SURVIVED, UNDECIDED = "killed", "SURVIVED", "undecided"

LONGEST = 1800
"""Seconds for the tests of one mutant: one that makes them hang is noticed, too."""

_PYTEST = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider")
_PASSED, _FAILED = 0, 1
_FIRST_FAILURE = re.compile(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", re.MULTILINE)
"""Not a file by itself, which could not be imported: that is no verdict."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: the edit of one file, what is wrong then, and the tests that have to notice."""

    name: str
    says: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def obstacle(self, root: Path) -> str:
        """Why the edit cannot be made in the project at `root`, in words; "" where it can."""
        path = root / self.file
        count = path.read_text(encoding="utf-8").count(self.old) if path.is_file() else 0
        if count == 1:
            return "" if self.new != self.old else "changes nothing"
        return f"{self.file}: {self.old!r} stands there {count} times"

    @contextmanager
    def planted(self, root: Path) -> Iterator[None]:
        """While open, the project at `root` has the fault."""
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        _write(path, text.replace(self.old, self.new))
        try:
            yield
        finally:
            _write(path, text)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant, by which test, after how many seconds."""

    state: str
    by: str
    seconds: float


def mutants(table: Path = TABLE) -> tuple[Mutant, ...]:
    """All mutants, in the order of the table."""
    rows = tomllib.loads(table.read_text(encoding="utf-8"))["mutant"]
    return tuple(Mutant(**{**row, "tests": tuple(row["tests"])}) for row in rows)


def copied(root: Path, folder: Path) -> None:
    """Copy what git tracks, or would track, from the project at `root`."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)


def tested(folder: Path, tests: Sequence[str]) -> Result:
    """Run these tests in the copy, one after the other, or the whole suite where none are named."""
    how = ("-n", "0", *tests) if tests else ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile")
    started = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, *_PYTEST, *how],
            cwd=folder,
            env=_environment(folder),
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Result(KILLED, f"they took longer than {LONGEST} s", LONGEST)
    seconds = time.monotonic() - started
    if done.returncode == _PASSED:
        return Result(SURVIVED, "", seconds)
    if done.returncode == _FAILED and (first := _FIRST_FAILURE.search(done.stdout)):
        return Result(KILLED, first[1], seconds)
    return Result(UNDECIDED, _last_line(done.stdout + done.stderr), seconds)


def killed(found: Sequence[Mutant], *, whole: bool) -> bool:
    """Plant one after the other, print a line for each; whether all were killed."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name).resolve()
        copied(ROOT, folder)
        _check_copy(folder)
        tests = sorted({test for one in found for test in one.tests})
        sound = tested(folder, [] if whole else tests)
        print(f"{'without any':32} {sound.seconds:6.0f} s  {'pass' if sound.state == SURVIVED else sound.by}")
        if sound.state != SURVIVED:
            return False
        states = [_line(one, folder, whole=whole) for one in found]
    print(f"{states.count(KILLED)} of {len(states)} killed")
    return states.count(KILLED) == len(states)


def main(words: Sequence[str] | None = None) -> int:
    """The exit code."""
    arguments = _arguments(words)
    known = mutants()
    wanted = set(arguments.only or [one.name for one in known])
    found = [one for one in known if one.name in wanted]
    if unknown := wanted - {one.name for one in known}:
        print(f"{', '.join(sorted(unknown))}: no such mutant; --list names them all", file=sys.stderr)
        return 2
    if arguments.list:
        print("\n".join(f"{one.name:32} {one.says}" for one in found))
        return 0
    if obstacles := {one.name: why for one in found if (why := one.obstacle(ROOT))}:
        told = "\n".join(
            f"{name}: does not apply ({why}); edit {TABLE.name}" for name, why in obstacles.items()
        )
        print(told, file=sys.stderr)
        return 2
    return 0 if killed(found, whole=arguments.whole) else 1


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Plant faults in our own code and see the tests find them.")
    parser.add_argument("--list", action="store_true", help="name the mutants, and plant none")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="plant these alone")
    parser.add_argument(
        "--whole", action="store_true", help="run the whole suite for each, not its own tests"
    )
    return parser.parse_args(words)


def _line(mutant: Mutant, folder: Path, *, whole: bool) -> str:
    with mutant.planted(folder):
        result = tested(folder, [] if whole else mutant.tests)
    print(f"{mutant.name:32} {result.seconds:6.0f} s  {result.state:9} {result.by}".rstrip(), flush=True)
    return result.state


def _environment(folder: Path) -> Mapping[str, str]:
    """Processes of the tests find the copy's package before the one that is installed."""
    return {**os.environ, "PYTHONPATH": str(folder)}


def _check_copy(folder: Path) -> None:
    """Raise where the tests of the copy would import the package of another folder."""
    program = "import harness; print(harness.__file__)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=folder.parent, env=_environment(folder), check=True, capture_output=True, text=True
    )
    if not Path(done.stdout.strip()).is_relative_to(folder):
        raise RuntimeError(f"the tests would import {done.stdout.strip()}, not the copy in {folder}")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    # Python takes compiled code for current by time in seconds and size, which an edit may leave as they are.
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


if __name__ == "__main__":
    sys.exit(main())
