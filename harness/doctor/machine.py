"""What on this machine makes two runs differ: variables, the CPU, versions without pins."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from harness.core.results.doctor import Finding, Harm
from harness.core.variables import numeric_variables
from harness.run.variables import obstacle

PINNED = ("torch", "diffusers", "transformers", "numpy", "safetensors", "accelerate", "tokenizers")
"""The packages whose versions decide most of what a pipeline computes."""

_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock", "conda-lock.yml", "pixi.lock")
_MOST_FILES = 50


def machine_findings(root: Path) -> Iterator[Finding]:
    """The findings about this machine, and about the pins of the project at `root`."""
    for name, value in numeric_variables(os.environ, platform.machine()).items():
        what = f"{name}={value} may change numbers, and another machine does not have it"
        yield Finding(Harm.DIFFERS, what, f"unset {name}", (name,))
    if threads := os.environ.get("HARNESS_THREADS"):
        what = f"HARNESS_THREADS={threads} overrides `determinism.threads` of every case"
        yield Finding(Harm.DIFFERS, what, "unset HARNESS_THREADS", ("HARNESS_THREADS",))
    if why := obstacle():
        fix = "run on an x86-64 CPU with AVX2 and FMA, or record goldens for this machine"
        yield Finding(Harm.DIFFERS, f"runs are not portable here: {why}", fix)
    yield from _pins(root)


def installed_versions() -> Mapping[str, str]:
    """The versions of all installed packages, by name as goldens write it."""
    return {_normal(one.name): one.version for one in metadata.distributions() if one.name}


def _pins(root: Path) -> Iterator[Finding]:
    if any((root / lock).is_file() for lock in _LOCKS):
        return
    pinned = {name for path in _requirements(root) for name in _pinned_in(path)}
    if missing := [name for name in PINNED if name in _installed() and name not in pinned]:
        what = f"no lock or requirements file pins {', '.join(missing)}"
        fix = "pin what is installed: pip freeze > requirements.txt, or use a lock (uv lock)"
        yield Finding(Harm.DIFFERS, what, fix)


def _installed() -> frozenset[str]:
    return frozenset(installed_versions())


def _requirements(root: Path) -> list[Path]:
    found = [*root.glob("*requirements*.txt"), *root.glob("requirements/*.txt")]
    return sorted(path for path in found if path.is_file())[:_MOST_FILES]


def _pinned_in(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := re.match(r"\s*([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*===?\s*[^\s*;,]+(?![*.\w])", line):
            yield _normal(match[1])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
