"""Where packages come from: what pip is configured to, put into words that uv understands.

uv reads neither pip.conf nor PIP_* (docs.astral.sh/uv/pip/compatibility), so the user's own index would be passed
over for the public one. Everything here is read from `pip config list`, which merges files and variables.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.errors import HarnessError

_SECTIONS = (":env:", "install", "global")
"""Of one option the first of these counts, as for pip."""

_LINE = re.compile(r"(:env:|install|global)\.([\w-]+)=(.*)")

_WITHOUT_EFFECT = frozenset({
    "break-system-packages", "cache-dir", "default-timeout", "disable-pip-version-check", "no-cache-dir", "no-color",
    "no-input", "no-python-version-warning", "prefer-binary", "progress-bar", "quiet", "require-virtualenv",
    "resume-retries", "retries", "root-user-action", "timeout", "user", "verbose",
})  # fmt: skip
"""What has no say in which packages are installed, or from where."""

_ON = ("1", "true", "yes", "on")


class UnknownOption(HarnessError):
    """pip is configured with an option that uv cannot be told."""


@dataclass(frozen=True, slots=True)
class Index:
    """The indexes, folders and limits that pip is configured with.

    `constraints` are files of pins; `certificates` is a file of certificates that are trusted, "" for the system's.
    """

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    no_index: bool = False
    certificates: str = ""
    unknown: tuple[str, ...] = ()

    def uv_words(self) -> tuple[str, ...]:
        """The options of `uv pip` that say the same; raises UnknownOption."""
        if self.unknown:
            raise UnknownOption(
                f"pip is configured with {', '.join(self.unknown)}, which uv cannot be told; use pip: --installer pip"
            )
        return (
            # The best version of all indexes, as pip chooses it; uv stops at the first index that has the name.
            *("--index-strategy", "unsafe-best-match"),
            *([f"--index-url={self.index_url}"] if self.index_url else []),
            *(f"--extra-index-url={url}" for url in self.extra_index_urls),
            *(f"--find-links={place}" for place in self.find_links),
            *(f"--allow-insecure-host={host}" for host in self.trusted_hosts),
            *(["--no-index"] if self.no_index else []),
        )

    def uv_constraints(self) -> tuple[str, ...]:
        """The options that hand on the constraints, for the commands that resolve."""
        return tuple(f"--constraint={file}" for file in self.constraints)

    def uv_environment(self) -> Mapping[str, str]:
        """The variables that uv needs besides."""
        return {"SSL_CERT_FILE": self.certificates} if self.certificates else {}

    def identity(self) -> tuple[str, ...]:
        """What decides which files a name and a version stand for."""
        return (self.index_url, *self.extra_index_urls, *self.find_links, str(self.no_index))


def configured(python: str = sys.executable) -> Index:
    """What pip of the interpreter `python` is configured with; an Index without anything where there is no pip."""
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    return index_of(listed.stdout.splitlines())


def index_of(lines: Iterable[str]) -> Index:
    """The Index that the lines of `pip config list` describe."""
    values = _values(lines)
    known = {
        "index-url", "extra-index-url", "find-links", "trusted-host", "constraint", "no-index", "cert",
    }  # fmt: skip
    return Index(
        index_url=values.get("index-url", ""),
        extra_index_urls=tuple(values.get("extra-index-url", "").split()),
        find_links=tuple(values.get("find-links", "").split()),
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        constraints=tuple(values.get("constraint", "").split()),
        no_index=values.get("no-index", "").lower() in _ON,
        certificates=values.get("cert", ""),
        unknown=tuple(sorted(values.keys() - known - _WITHOUT_EFFECT)),
    )


def _values(lines: Iterable[str]) -> Mapping[str, str]:
    """Each option's value, those of other commands left out."""
    found: dict[str, dict[str, str]] = {}
    for line in lines:
        if parts := _LINE.fullmatch(line.strip()):
            found.setdefault(parts[2], {})[parts[1]] = str(ast.literal_eval(parts[3]))
    return {
        option: next(values[section] for section in _SECTIONS if section in values)
        for option, values in found.items()
    }
