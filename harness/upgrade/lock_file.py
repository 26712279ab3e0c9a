"""A lock as other tools write it: requirements.txt, pylock.toml, uv.lock."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from harness.errors import UsageError
from harness.upgrade.lock import Lock, lock_of

_OWN = ("editable", "virtual")
"""The sources of what the project itself consists of: it is linked in, not installed."""

Entry = Mapping[str, Any]


def lock_of_file(path: Path) -> Lock:
    """The lock in the file, as far as it is for this Python and machine; raises UsageError for one without pins."""
    try:
        text = path.read_text(encoding="utf-8")
        found = (
            _of_toml(text, path.parent) if path.suffix in (".toml", ".lock") else lock_of(text.splitlines())
        )
    except (
        tomllib.TOMLDecodeError,
        UnicodeDecodeError,
        InvalidMarker,
        AttributeError,
        KeyError,
        TypeError,
    ) as error:
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UsageError(
            f"{path}: cannot be read as a lock ({told}); give a requirements.txt, pylock.toml or uv.lock"
        ) from error
    if not found.packages:
        raise UsageError(f"{path}: pins no package; give a lock with NAME==VERSION in every line")
    return found


def _of_toml(text: str, folder: Path) -> Lock:
    document = tomllib.loads(text)
    if "packages" in document:
        entries: Iterable[Entry] = [one for one in document["packages"] if _applies(one)]
        placed = ((one, _place_in_pylock(one, folder)) for one in entries)
    else:
        entries = _needed(document.get("package", []))
        placed = ((one, _place_in_uv_lock(one.get("source", {}), folder)) for one in entries)
    found = ((one["name"], place or one.get("version")) for one, place in placed)
    return Lock({canonicalize_name(name): version for name, version in found if version})


def _applies(entry: Entry) -> bool:
    marker = entry.get("marker")
    return marker is None or Marker(marker).evaluate({"extra": ""})


def _place_in_pylock(entry: Entry, folder: Path) -> str | None:
    """The address of a package that comes from no index (PEP 751)."""
    if vcs := entry.get("vcs"):
        return _commit(
            vcs.get("url") or _in(folder, vcs["path"]), vcs["commit-id"], vcs.get("subdirectory", "")
        )
    if "directory" in entry:
        return _in(folder, entry["directory"]["path"])
    archive = entry.get("archive")
    return (archive.get("url") or _in(folder, archive["path"])) if archive else None


def _place_in_uv_lock(source: Entry, folder: Path) -> str | None:
    if "git" in source:
        address, _, commit = str(source["git"]).partition("#")
        url, _, query = address.partition("?")
        below = [one.partition("=")[2] for one in query.split("&") if one.startswith("subdirectory=")]
        return _commit(url, commit, *below)
    if "url" in source:
        return str(source["url"])
    path = source.get("path") or source.get("directory")
    return _in(folder, path) if path else None


def _commit(url: str, commit: str, below: str = "") -> str:
    return f"git+{url}@{commit}" + (f"#subdirectory={below}" if below else "")


def _in(folder: Path, path: str) -> str:
    return (folder / path).resolve().as_uri()


def _needed(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The packages that the project needs on this machine, extras and groups included.

    A uv.lock is for all machines: which packages are for this one stands where they are asked for. Without a project
    in it, all packages are needed.
    """
    known = list(entries)
    own = [one for one in known if any(kind in one.get("source", {}) for kind in _OWN)]
    waiting, seen = (own or known)[:], list[Entry]()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.append(one)
        waiting += [found for asked in _asked_by(one) if _applies(asked) for found in _meant(asked, known)]
    yield from (one for one in seen if one not in own)


def _asked_by(entry: Entry) -> Iterator[Entry]:
    yield from entry.get("dependencies", [])
    for kind in ("optional-dependencies", "dev-dependencies"):
        for group in entry.get(kind, {}).values():
            yield from group


def _meant(asked: Entry, known: Iterable[Entry]) -> Iterator[Entry]:
    """The entries that a dependency means: where there are several versions, it says which."""
    for one in known:
        if one["name"] == asked["name"] and asked.get("version") in (None, one.get("version")):
            yield one
