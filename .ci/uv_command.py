"""Prints the command by which uv installs from where pip is configured to, since uv reads no pip.conf; a word a line.

`python .ci/uv_command.py UV` reads `pip config list` from standard input. Exits with 1, so that pip is used, where pip
is told something that this does not know how to tell uv, such as a proxy.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Mapping

# Of the same option the first of these counts, as for pip.
SECTIONS = (":env:", "install", "global")

OPTIONS = {
    "index-url": "--index-url",
    "extra-index-url": "--extra-index-url",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
    "constraint": "--constraint",
}
VARIABLES = {"cert": "SSL_CERT_FILE"}

WITHOUT_EFFECT = {
    "break-system-packages", "cache-dir", "default-timeout", "disable-pip-version-check", "no-cache-dir", "no-color",
    "no-input", "no-python-version-warning", "prefer-binary", "progress-bar", "quiet", "require-virtualenv",
    "resume-retries", "retries", "root-user-action", "timeout", "verbose",
}  # fmt: skip
"""What has no say in which packages are installed, or from where."""

LINE = re.compile(r"(:env:|install|global)\.([\w-]+)=(.*)")


def configured(lines: Iterable[str]) -> Mapping[str, str]:
    """Each option's value, those of other commands left out."""
    found: dict[str, dict[str, str]] = {}
    for line in lines:
        if parts := LINE.fullmatch(line.strip()):
            found.setdefault(parts[2], {})[parts[1]] = str(ast.literal_eval(parts[3]))
    return {
        option: next(values[section] for section in SECTIONS if section in values)
        for option, values in found.items()
    }


def command(uv: str, values: Mapping[str, str]) -> list[str] | None:
    """The command, to which what is to be installed is added; None where it would not say all that pip is told."""
    variables, given = [], []
    for option, value in values.items():
        if option in OPTIONS:
            given += [f"{OPTIONS[option]}={one}" for one in value.split()]
        elif option == "no-index":
            given += ["--no-index"] if value.lower() in ("1", "true", "yes", "on") else []
        elif option in VARIABLES:
            variables.append(f"{VARIABLES[option]}={value}")
        elif option not in WITHOUT_EFFECT:
            return None
    # The best version of all indexes, as pip chooses it.
    fixed = ["pip", "install", "--python", ".venv/bin/python", "--index-strategy", "unsafe-best-match"]
    return ["env", *variables, uv, *fixed, *given]


if __name__ == "__main__":
    found = command(sys.argv[1], configured(sys.stdin))
    if found is None:
        sys.exit(1)
    print("\n".join(found))
