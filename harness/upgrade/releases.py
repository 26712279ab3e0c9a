"""Which releases of a package the configured indexes have, and when each was uploaded."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from pypi_simple import (
    ACCEPT_ANY,
    PYPI_SIMPLE_ENDPOINT,
    DistributionPackage,
    ProjectPage,
    UnparsableFilenameError,
    parse_filename,
)

from harness.errors import HarnessError
from harness.upgrade.index import Index

_SECONDS = 60
"""How long an index may take to answer."""


class NoReleases(HarnessError):
    """An index did not answer, so it is unknown which releases there are."""


@dataclass(frozen=True, slots=True)
class Release:
    """A version that can be installed here; `uploaded` is in UTC, None if the index does not say.

    `skipped` says that nobody gets it without asking for it by its number: it was yanked, or is a pre-release.
    """

    version: str
    uploaded: datetime | None = None
    skipped: bool = False


@dataclass
class Releases:
    """Asks the indexes, each package once; `sdists` may be built, so versions without a wheel count as well."""

    index: Index
    sdists: bool = False
    _known: dict[str, tuple[Release, ...]] = field(default_factory=dict)

    def of(self, package: str) -> tuple[Release, ...]:
        """The releases of `package` that fit this Python and machine, the oldest version first; raises NoReleases."""
        name = canonicalize_name(package)
        if name not in self._known:
            self._known[name] = _releases(self._files(name), sdists=self.sdists)
        return self._known[name]

    def between(self, package: str, before: str, after: str) -> tuple[Release, ...]:
        """The releases after `before` and up to `after`, in that direction; yanked ones and pre-releases left out.

        So are other builds than those of the two: 2.9.1+cpu is no step towards 2.9.1. `after` itself is always the
        last. Raises NoReleases.
        """
        low, high = sorted((Version(before), Version(after)))
        inside = [one for one in self.of(package) if low < Version(one.version) < high and not one.skipped]
        found = [one for one in inside if Version(one.version).local in (low.local, high.local)]
        ends = {one.version: one for one in self.of(package)}
        ordered = found if Version(before) < Version(after) else found[::-1]
        return (*ordered, ends.get(after, Release(after)))

    def uploaded(self, package: str, version: str) -> datetime | None:
        """When this version was uploaded, if the index says so; raises NoReleases."""
        wanted = Version(version)
        return next((one.uploaded for one in self.of(package) if Version(one.version) == wanted), None)

    def _files(self, name: str) -> Iterator[DistributionPackage]:
        roots = (self.index.index_url or PYPI_SIMPLE_ENDPOINT, *self.index.extra_index_urls)
        for root in () if self.index.no_index else roots:
            yield from self._page(f"{root.rstrip('/')}/{name}/", name)
        for place in self.index.find_links:
            yield from self._page(place, name)

    def _page(self, place: str, name: str) -> Iterable[DistributionPackage]:
        """The files of `name` at the address or in the folder `place`; nothing if it has none."""
        folder = _folder(place)
        if folder is not None:
            return _in_folder(folder, name)
        try:
            answer = requests.get(
                place,
                headers={"Accept": ACCEPT_ANY},
                timeout=_SECONDS,
                verify=self._verified(place),
            )
            if answer.status_code == requests.codes.not_found:
                return ()
            answer.raise_for_status()
            page = ProjectPage.from_response(answer, name)
        except (requests.RequestException, ValueError) as error:
            step = "make the index reachable, or name both ends of a single release with --good and --bad"
            raise NoReleases(
                f"the releases of {name} cannot be listed ({_brief(error, place)}); {step}"
            ) from error
        return _of(name, page.packages)

    def _verified(self, place: str) -> str | bool:
        if urlsplit(place).hostname in {host.partition(":")[0] for host in self.index.trusted_hosts}:
            return False
        return self.index.certificates or True


def _brief(error: Exception, place: str) -> str:
    """Why an index did not give its page, without the names of the classes of a library."""
    host = urlsplit(place).hostname or place
    match error:
        case requests.Timeout():
            return f"{host} did not answer within {_SECONDS} s"
        case requests.exceptions.SSLError():
            return f"{host} shows a certificate that is not trusted"
        case requests.ConnectionError():
            return f"no connection to {host}"
        case requests.HTTPError(response=requests.Response() as answer):
            return f"{host} answered with status {answer.status_code}"
    return f"{host} gave no page of an index: {type(error).__name__}"


def _folder(place: str) -> Path | None:
    """The folder on this machine that an address of an index or of find-links means; None for one elsewhere."""
    if place.startswith("file:"):
        return Path(url2pathname(urlsplit(place).path))
    return None if "://" in place else Path(place).expanduser()


def _in_folder(folder: Path, name: str) -> Iterable[DistributionPackage]:
    """The files that a page in `folder` names, else those that lie in it; pip reads both."""
    page = folder if folder.is_file() else folder / "index.html"
    if page.suffix in (".html", ".htm") and page.is_file():
        text = page.read_text(encoding="utf-8", errors="replace")
        found: Iterable[DistributionPackage] = ProjectPage.from_html(name, text, page.as_uri()).packages
    else:
        found = _lying_in(folder, name) if folder.is_dir() else ()
    return _of(name, found)


def _lying_in(folder: Path, name: str) -> Iterator[DistributionPackage]:
    for path in sorted(folder.iterdir()):
        with suppress(UnparsableFilenameError):
            project, version, kind = parse_filename(path.name, name)
            yield DistributionPackage(
                filename=path.name, url=path.as_uri(), project=project, version=version, package_type=kind,
                digests={}, requires_python=None, has_sig=None,
            )  # fmt: skip


def _of(name: str, found: Iterable[DistributionPackage]) -> list[DistributionPackage]:
    return [one for one in found if one.project and canonicalize_name(one.project) == name]


def _releases(files: Iterable[DistributionPackage], *, sdists: bool) -> tuple[Release, ...]:
    found = dict[Version, list[DistributionPackage]]()
    for file in files:
        with suppress(InvalidVersion):
            if file.version and _fits(file, sdists=sdists):
                found.setdefault(Version(file.version), []).append(file)
    return tuple(_release(version, found[version]) for version in sorted(found))


def _release(version: Version, files: Iterable[DistributionPackage]) -> Release:
    there = list(files)
    times = [one.upload_time for one in there if one.upload_time]
    # A release counts from its first file on, as it does for installers that look at a date.
    uploaded = min(times).astimezone(UTC) if times else None
    return Release(str(version), uploaded, version.is_prerelease or all(one.is_yanked for one in there))


def _fits(file: DistributionPackage, *, sdists: bool) -> bool:
    """Whether the file can be installed by this Python on this machine."""
    if file.requires_python:
        with suppress(InvalidSpecifier):
            if not SpecifierSet(file.requires_python).contains(platform.python_version(), prereleases=True):
                return False
    if file.package_type == "sdist":
        return sdists
    try:
        return file.package_type == "wheel" and bool(parse_wheel_filename(file.filename)[3] & _tags())
    except InvalidWheelFilename:
        return False


@cache
def _tags() -> frozenset[Tag]:
    return frozenset(sys_tags())
