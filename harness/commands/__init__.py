"""The commands, one file each: options, steps, exit code."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from harness.invocation.command import Command

COMMANDS: Mapping[str, str] = {
    "record": "run each case twice and store a golden if both runs agree bit for bit",
    "verify": "run the cases and judge them against their goldens",
    "explain": "run the cases and say where and why their results began to differ",
    "blame": "say which change of a dependency made a case differ from its golden",
    "calibrate": "measure the legitimate noise of the cases, and set limits from it",
    "sensitivity": "plant faults in the cases, and show which ones their limits catch",
    "repeat": "run cases N times in fresh processes: are they deterministic?",
    "list": "show the cases with device, tolerance and golden state",
    "show": "write the golden, the last run and the difference as pictures and sounds",
    "compare": "show the metrics between two capture or golden files",
    "accept": "make the captures that the last verify judged the goldens, and remember why",
    "reject": "remember that a failure is not acceptable, as long as it is the same",
    "log": "show who made goldens what they are, when and why",
    "diff": "show the metrics between two entries of a golden's history",
    "rename": "give a case another id, with its config, goldens and history",
    "report": "show the report of the last verify again",
    "nightly": "verify, remember the night, and tell somebody what is new",
    "history": "show what the nights remember of a case, import reports, merge histories",
    "prune": "list goldens that belong to no case, and fail if there are any",
    "env": "show the fingerprint of this machine, or what differs between two",
    "schema": "print the JSON Schema of a config file, or of a report",
    "init": "write a first config for a model, and what git and CI need",
    "doctor": "say what here would make two runs differ or a golden useless, with the fix",
    "completion": "print the script that completes `harness` in bash, zsh or fish",
}
"""The summary of each command in `harness --help`; the command itself is the `COMMAND` in the file of that name."""


def load(name: str) -> Command:
    """The command called `name`, one of COMMANDS; its file is imported lazily to keep `harness --help` fast."""
    return cast("Command", import_module(f"harness.commands.{name}").COMMAND)
