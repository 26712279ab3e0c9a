"""Whole virtual environments of other versions, made once and kept in the user's cache."""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from harness import files
from harness.errors import StoreError
from harness.upgrade.index import Index
from harness.upgrade.installer import Installer, python_of
from harness.upgrade.kept import LOCK, PROBED, Held, cache_limit, environments, hold, prune
from harness.upgrade.lock import Lock

PROBE = (
    "torch, numpy, safetensors, huggingface_hub, transformers.modeling_utils, "
    "diffusers.models.modeling_utils, diffusers.pipelines.pipeline_utils"
)
"""Both libraries load most of themselves when it is first used: these modules are behind every model and pipeline."""

_PROBE_SECONDS = 600

_DONORS = 3
"""Environments, the last used first, whose bytecode is taken over; older ones have little that these lack."""

_TRIES = 3
"""Another process may remove an environment before this one holds it, but not every time."""

COMPILE_CACHES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
"""Compiled kernels of one environment must not serve another (vllm-omni issue 6688)."""


@dataclass(frozen=True, slots=True)
class Made:
    """An environment that is there: its folder, what is in it, and why it cannot be imported, "" where it can."""

    folder: Path
    lock: Lock
    problem: str = ""

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(python_of(self.folder))

    def variables(self) -> Mapping[str, str | None]:
        """What a worker in it needs in its environment."""
        return {name: str(self.folder / "caches" / name.lower()) for name in COMPILE_CACHES}


class Environments:
    """The environments under `root`, filled by `installer`; `index` decides which files a version stands for.

    `probe` is imported in each to see whether it works at all. What it made stays in use, and so is not removed, as
    long as this object lives. Raises UsageError if the limit on what they may take on the disk is no size.
    """

    def __init__(self, root: Path, installer: Installer, index: Index, probe: str = PROBE) -> None:
        self.root = root
        self._installer = installer
        self._index = index
        self._probe = probe
        self._limit = cache_limit()
        self._held: dict[Path, Held] = {}

    def make(self, lock: Lock) -> Made:
        """The environment of `lock`, made if it is not there yet.

        It is built aside and renamed, so that an interrupted start leaves none. Others that were not used for longest
        make room for a new one. Raises NotInstalled, StoreError.
        """
        folder = self.root / self.key(lock)
        built = self._provide(lock, folder)
        made = Made(folder, lock, self._problem(folder))
        if built:
            with suppress(OSError):
                prune(self.root, self._limit)
        return made

    def key(self, lock: Lock) -> str:
        """The name of its folder: the sha256, in hex, of Python, platform, index and pins."""
        what = [sys.version, platform.platform(), sysconfig.get_platform(), *self._index.identity()]
        text = "\n".join([*what, *lock.requirements(), *map(_content, lock.packages.values())])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def _provide(self, lock: Lock, folder: Path) -> bool:
        """Hold the environment, building it where there is none; returns whether it was built."""
        for attempt in range(_TRIES):
            if self._hold(folder):
                return attempt > 0
            self._build(lock, folder)
        raise StoreError(f"{folder}: is no whole environment; remove the folder")

    def _hold(self, folder: Path) -> bool:
        """Note that the environment is used; returns False if it is not there."""
        if not (folder / LOCK).is_file():
            return False
        held = hold(folder)
        if held:
            self._held[folder] = held
        return held is not None

    def _build(self, lock: Lock, folder: Path) -> None:
        aside = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(aside, ignore_errors=True)
            self._installer.create(aside)
            building = Held(aside)
            self._installer.install(lock, aside)
            _take_bytecode(aside, [*environments(self.root)[:_DONORS], Path(sys.prefix)])
            files.write(aside / LOCK, "".join(f"{line}\n" for line in lock.requirements()).encode())
            with suppress(OSError):  # somebody else made it meanwhile
                aside.rename(folder)
            del building
        except OSError as error:
            raise not_written(folder, error) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _problem(self, folder: Path) -> str:
        """What an import of the libraries in the environment raises, "" if nothing; asked once."""
        kept = folder / PROBED
        with suppress(OSError, ValueError, KeyError):
            known = json.loads(kept.read_text())
            if known["probe"] == self._probe:
                return str(known["problem"])
        problem, final = _imported(python_of(folder), self._probe)
        if final:
            files.write(kept, json.dumps({"probe": self._probe, "problem": problem}).encode())
        return problem


def not_written(place: Path, error: OSError) -> StoreError:
    """The error for what could not be written to the user's cache."""
    step = "free the space or grant the permission, or name another folder with HARNESS_CACHE"
    return StoreError(f"{error.filename or place}: {files.reason(error)}; {step}")


def _content(version: str) -> str:
    """What decides what a folder of sources holds, as far as can be told at a glance; "" for anything else."""
    if not version.startswith("file://"):
        return ""
    return repr(files.stamps(Path(url2pathname(urlsplit(version).path)), without=".git"))


def default_root() -> Path:
    """Where environments are kept: HARNESS_CACHE, else the user's cache folder."""
    if named := os.environ.get("HARNESS_CACHE"):
        return Path(named).expanduser() / "envs"
    caches = os.environ.get("XDG_CACHE_HOME")
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/harness/envs"
    return (Path(caches) if caches else Path.home() / ".cache") / "harness/envs"


def _imported(python: Path, what: str) -> tuple[str, bool]:
    """What importing these modules raises, "" if nothing, and whether asking again would give the same answer."""
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", f"import {what}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PROBE_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return f"importing {what} took more than {_PROBE_SECONDS} s", False
    if done.returncode == 0:
        return "", True
    # Which file of the environment lacks the name says nothing to a reader, and is another one in each.
    told = re.sub(rf" \({re.escape(str(python.parent.parent))}[^()]*\)", "", done.stderr)
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    # Python ends with 1 after an exception; anything else is a crash or a kill, perhaps for want of memory.
    return (lines or [f"the interpreter ended with code {done.returncode}"])[-1], done.returncode == 1


def _take_bytecode(folder: Path, others: Sequence[Path]) -> None:
    """Take over compiled modules from environments that have an equal source file: compiling is slow."""
    for other in others:
        for place in _sites(other):
            for compiled in place.rglob("__pycache__/*.pyc"):
                source = compiled.parent.parent / f"{compiled.name.partition('.')[0]}.py"
                target = folder / compiled.relative_to(other)
                with suppress(OSError):
                    if not target.exists():
                        _take(compiled, source, folder / source.relative_to(other), target)


def _take(compiled: Path, source: Path, mine: Path, target: Path) -> None:
    """Make `target`, the compiled form of `mine`, from that of `source` if both are equal. Raises OSError.

    Installers that link files give them the same time, those that copy give them the present one.
    """
    ours, theirs = mine.stat(), source.stat()
    same = os.path.samestat(ours, theirs)
    if not same and not filecmp.cmp(source, mine, shallow=False):
        return
    target.parent.mkdir(exist_ok=True)
    if same or int(ours.st_mtime) == int(theirs.st_mtime):
        os.link(compiled, target)
    else:
        target.write_bytes(_of_time(compiled.read_bytes(), int(ours.st_mtime)))


def _of_time(compiled: bytes, seconds: int) -> bytes:
    """The same bytecode for a source of another time.

    After the magic number come four bytes of flags, 0 if four bytes of time and four of size follow (PEP 552). Python
    compiles anew if these are not the source's.
    """
    if compiled[4:8] != bytes(4):
        return compiled
    return compiled[:8] + (seconds & 0xFFFF_FFFF).to_bytes(4, "little") + compiled[12:]


def _sites(folder: Path) -> Iterator[Path]:
    yield from folder.glob("lib/python*/site-packages")
    yield from folder.glob("Lib/site-packages")
