"""`harness schema`: print the JSON Schema of a config file, or of a report."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from harness.config.schema.json_schema import json_schema
from harness.invocation.command import Command
from harness.report.terminal import Screen


def _report() -> str:
    from harness.report.formats.json_schema import (
        report_schema,  # imported lazily: editors ask for the config's
    )

    return report_schema()


def _candidates() -> str:
    from harness.report.formats.json_schema import candidates_schema

    return candidates_schema()


SCHEMAS: Mapping[str, Callable[[], str]] = {
    "config": json_schema,
    "report": _report,
    "candidates": _candidates,
}


def _documents(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "document",
        nargs="?",
        choices=list(SCHEMAS),
        default="config",
        metavar="DOCUMENT",
        help="config (the default), report (report.json of a verify) or candidates (candidates.json)",
    )


def _run(arguments: argparse.Namespace, _screen: Screen) -> int:
    print(SCHEMAS[arguments.document]())
    return 0


COMMAND = Command(_run, (_documents,))
