"""A lock: the exact versions of an environment, and what of it moved against another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PackageNotFoundError, distributions, requires
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from harness.core.environment import Change

_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*(?:==\s*(?P<version>[^\s;]+)|@\s*(?P<place>\S+))"
)

DISTRIBUTION = "diffusers-goldens"
"""The name under which the harness itself is installed."""

_INSTALLERS = frozenset({"pip", "uv"})
"""What installs packages and is none that a run uses; setuptools is one that torch imports."""


@dataclass(frozen=True, slots=True)
class Lock:
    """The packages of an environment by canonical name: a version, or the address of what has none on an index."""

    packages: Mapping[str, str] = field(default_factory=dict)

    def requirements(self) -> tuple[str, ...]:
        """One line for each package, as pip and uv take them, in the order of their names."""
        return tuple(map(self.pin, sorted(self.packages)))

    def pin(self, name: str) -> str:
        """The line of one package."""
        version = self.packages[name]
        return f"{name} @ {version}" if is_place(version) else f"{name}=={version}"

    def words(self, names: Iterable[str]) -> tuple[str, ...]:
        """What to ask a resolver for these packages: any version of an index, but the place of what is on none."""
        return tuple(self.pin(name) if is_place(self.packages[name]) else name for name in names)

    def moved_from(self, before: Lock) -> tuple[Change, ...]:
        """What differs from `before`; None where a package is not there."""
        names = sorted({*self.packages, *before.packages})
        pairs = ((name, before.packages.get(name), self.packages.get(name)) for name in names)
        return tuple(Change(name, ours, theirs) for name, ours, theirs in pairs if ours != theirs)


def lock_of(lines: Iterable[str]) -> Lock:
    """The lock that lines of `name==version` or `name @ place` describe; comments and options are passed over, and
    what is for another Python or machine. Raises InvalidMarker.
    """
    found = dict[str, str]()
    for line in lines:
        text = line.partition(" #")[0].strip().rstrip("\\").strip()
        match = _PIN.match(text)
        if match and _applies(text[match.end() :]):
            found[canonicalize_name(match["name"])] = match["version"] or match["place"]
    return Lock(found)


def _applies(rest: str) -> bool:
    """Whether a line is for this Python and machine; `rest` is what follows the version."""
    marker = rest.partition(" --")[0].strip()
    return not marker.startswith(";") or Marker(marker[1:]).evaluate({"extra": ""})


def installed(found: Iterable[Distribution] | None = None) -> Lock:
    """What is installed in this environment from an index; neither installers nor sources that are linked in."""
    packages = dict[str, str]()
    for one in distributions() if found is None else found:
        name = canonicalize_name(one.metadata["Name"] or "")
        # Written by installers for what came from a folder or an address (packaging.python.org, direct_url.json).
        if name and name not in _INSTALLERS and one.read_text("direct_url.json") is None:
            packages.setdefault(name, one.version)
    return Lock(packages)


OLDEST: Mapping[str, str] = {"diffusers": "0.30", "transformers": "4.44"}
"""The oldest versions that a worker runs under."""


def too_old(lock: Lock) -> str:
    """Why no worker runs with these packages, in words that follow a case's name; "" if they are in range."""
    for name, oldest in OLDEST.items():
        with suppress(InvalidVersion):  # a source tree has none
            version = lock.packages.get(name)
            if version is not None and Version(version) < Version(oldest):
                return (
                    f"cannot run: {name} {version} is out of range, the harness runs under {oldest} and newer"
                )
    return ""


def source_trees(found: Iterable[Distribution] | None = None) -> Lock:
    """What is installed in this environment from a folder or a repository, by the address; the harness is left out."""
    packages = dict[str, str]()
    for one in distributions() if found is None else found:
        name, origin = canonicalize_name(one.metadata["Name"] or ""), one.read_text("direct_url.json")
        if not name or name in {*_INSTALLERS, DISTRIBUTION} or origin is None:
            continue
        packages.setdefault(name, place_of(json.loads(origin)))
    return Lock(packages)


def place_of(origin: Mapping[str, Any]) -> str:
    """The address in a direct_url.json (packaging.python.org/en/latest/specifications/direct-url)."""
    url, commit = origin["url"], origin.get("vcs_info", {}).get("commit_id")
    below = f"#subdirectory={origin['subdirectory']}" if origin.get("subdirectory") else ""
    return f"git+{url}@{commit}{below}" if commit else f"{url}{below}"


def roots(name: str = DISTRIBUTION) -> tuple[str, ...]:
    """The packages that the distribution `name` asks for itself, those of extras only if they are installed.

    Empty where nothing is known of it, as in a checkout that was never installed.
    """
    try:
        wanted = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:
        return ()
    there = installed().packages
    found = {canonicalize_name(one.name): one.marker for one in wanted}
    return tuple(sorted(package for package, marker in found.items() if marker is None or package in there))


def is_place(version: str) -> bool:
    """Whether the version in a lock is the address of a package that is on no index."""
    return "/" in version
