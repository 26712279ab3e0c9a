"""`harness log`: show who made goldens what they are, when and why."""

from __future__ import annotations

import argparse

from harness.invocation.arguments import configs, goldens, project, selects, shows
from harness.invocation.command import Command, options_of
from harness.invocation.emit import emit_json
from harness.invocation.options import Options
from harness.report.terminal import Screen
from harness.report.views.review.log import log_json
from harness.review.log import histories


def log(options: Options, screen: Screen) -> int:
    """Returns 0, or 3 if a golden or what stands beside it cannot be read."""
    found = histories(options)
    emit_json(log_json(found), options)
    screen.show_log(found)
    return 3 if any(one.unusable for one in found) else 0


def _run(arguments: argparse.Namespace, screen: Screen) -> int:
    return log(options_of(arguments), screen)


COMMAND = Command(_run, (selects, project, configs, goldens, shows))
