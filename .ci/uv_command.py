"""Prints the command by which uv installs from where pip is configured to, since uv reads no pip.conf; a word a line.

`python .ci/uv_command.py UV` reads `pip config list` from standard input. Exits with 1, so that pip is used, if pip
is configured with something that uv cannot be told, such as a proxy. Runs before anything is installed, and so does
what it imports.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.upgrade.index import Index, UnknownOption, index_of


def command(uv: str, index: Index) -> list[str]:
    """The command, to which what is to be installed is added; raises UnknownOption."""
    variables = [f"{name}={value}" for name, value in index.uv_environment().items()]
    fixed = ["pip", "install", "--python", ".venv/bin/python"]
    return ["env", *variables, uv, *fixed, *index.uv_words(), *index.uv_constraints()]


if __name__ == "__main__":
    try:
        print("\n".join(command(sys.argv[1], index_of(sys.stdin))))
    except UnknownOption:
        sys.exit(1)
