"""`harness schema`: print the JSON Schema of a config file."""

from __future__ import annotations

import argparse

from harness.config.schema.json_schema import json_schema
from harness.invocation.command import Command
from harness.report.terminal import Screen


def _run(_arguments: argparse.Namespace, _screen: Screen) -> int:
    print(json_schema())
    return 0


COMMAND = Command(_run)
