"""Workers without torch for tests of what happens around them: each case's id says what becomes of its runs."""

from __future__ import annotations

from harness.codec import to_json
from harness.core.capture import Raised, Unavailable
from harness.core.messages import Finished, Progress, Ready
from tests.core.samples import ENVIRONMENT
from tests.support.project import ROOT, Project

SKIPPED = "skipped"
RAISES = "raises"
HANGS = "hangs"
"""Ids of cases. The worker of the last one writes its process id to the file `worker` and never comes back."""

_SOURCE = f"""
import json, os, sys
if "harness.worker" in sys.orig_argv:
    def say(text):
        os.write(1, text.encode() + b"\\n")
    say({to_json(Ready(ENVIRONMENT))!r})
    for line in sys.stdin:
        case = json.loads(line)["case"]["id"].split("/")[-1]
        say({to_json(Progress("running", 1, 2))!r})
        if case == {HANGS!r}:
            with open("worker.part", "w") as file:
                file.write(str(os.getpid()))
            os.replace("worker.part", "worker")
            sys.stdin.read()  # until the parent has gone
            os._exit(0)
        say({{
            {SKIPPED!r}: {to_json(Finished(Unavailable("not on this machine")))!r},
            {RAISES!r}: {to_json(Finished(Raised("ValueError: no", "a traceback", ENVIRONMENT, 1.5)))!r},
        }}[case])
    os._exit(0)
"""


def with_stand_ins(project: Project, *cases: str) -> Project:
    """The project with these cases, whose workers only pretend."""
    for case in cases:
        project.config(case)
    return project.patch(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{_SOURCE}")
