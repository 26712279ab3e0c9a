"""The commands, one file each: its options, its steps, its exit code."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from harness.invocation.command import Command

COMMANDS: Mapping[str, str] = {
    "record": "run each case twice and store what came out bit-identical",
    "verify": "run the cases and judge them against their goldens",
    "explain": "run cases and say where their difference began, and why",
    "calibrate": "measure the noise that is legitimate, and set limits from it",
    "sensitivity": "plant faults in the cases, and see which their limits catch",
    "repeat": "run cases N times in fresh processes: deterministic or not",
    "list": "show the cases with device, tolerance and golden state",
    "compare": "the metrics between two capture or golden files",
    "accept": "make what the last verify judged the goldens",
    "report": "show the report of the last verify again",
    "prune": "list goldens that belong to no case, and fail if there are any",
    "env": "the fingerprint of this machine, or what differs between two",
    "schema": "print the JSON Schema of a config file",
}
"""What `harness --help` says of each; the command itself is the `COMMAND` of the file of its name."""


def load(name: str) -> Command:
    """The command of this name, one of COMMANDS; its file is imported only now, to keep `harness --help` fast."""
    return cast("Command", import_module(f"harness.commands.{name}").COMMAND)
