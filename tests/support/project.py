"""A throw-away project folder in which tests run the real command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.schemas import Written
from tests.support.starts import client as forked
from tests.support.starts import commands

ROOT = Path(__file__).resolve().parents[2]

TWO_STEPS = """\
pipeline: DDIMPipeline
model: {id: "builtin:ddpm-digits"}
steps: 2
seed: 0
call: {output_type: np}
"""


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Project:
    """A folder with configs, goldens and patches for the worker processes.

    `online` lets them ask a hub. `record` goes without the runs of its gates unless `gates`: they take as long
    again, and most tests want a golden and nothing else.
    """

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    online: bool = False
    gates: bool = False

    def config(self, name: str, text: str = TWO_STEPS) -> Path:
        """Write one config file."""
        path = self.folder / "configs" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def patch(self, source: str) -> Project:
        """This project with `source` executed in every Python process that starts, workers included."""
        site = self.folder / "site"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(source)
        return self.with_variables(PYTHONPATH=str(site))

    def patch_late(self, source: str, *variables: str) -> Project:
        """As `patch`, but workers are forked and `source` is executed then, as by `patch_of` for most modules.

        It has to do the same where torch, transformers, diffusers and what jobs need are imported already: it may
        change what others look up in a module, not what they have taken out of it. `variables` are those it reads.
        """
        return self.patch(source).with_variables(**{forked.LATE: ",".join(["PYTHONPATH", *variables])})

    def with_variables(self, **variables: str) -> Project:
        """This project with more environment variables."""
        return replace(self, variables={**self.variables, **variables})

    def harness(self, *words: str) -> Ran:
        """Run `harness` with `words` in the folder; a report that it writes must be what its schema says."""
        written = Written(self.folder)
        ran = self._ran(*words)
        written.check()
        return ran

    def _ran(self, *words: str) -> Ran:
        path = os.pathsep.join(filter(None, [self.variables.get("PYTHONPATH", ""), str(ROOT)]))
        if words[0] == "record" and not self.gates:
            words = (*words, "--no-gates")
        offline = {} if self.online else {"HF_HUB_OFFLINE": "1"}
        environment = {**os.environ, **offline, **forked.variables(), **self.variables, "PYTHONPATH": path}
        # With code of a test's own in it from the start, no process is like another.
        early = "PYTHONPATH" in self.variables and forked.LATE not in self.variables
        if sys.platform == "linux" and not early:
            return Ran(*commands.run(words, self.folder, environment))
        done = subprocess.run(
            [sys.executable, "-m", "harness", *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def report(self, name: str = "report.json") -> dict:
        """The JSON report of the last command."""
        return json.loads((self.folder / "out" / name).read_text())

    def verdicts(self) -> dict[str, str]:
        """The last verify's verdicts by case."""
        return {case["case"]: case["verdict"] for case in self.report()["cases"]}


def interruptible() -> None:
    """Let signals through in a child, also where the tests themselves run in the background or under nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


PATCH_WHEN_IMPORTED = '''
import importlib.abc, sys

class _Finder(importlib.abc.MetaPathFinder):
    """Runs `patch(module)` right after the module named MODULE has been imported.

    It stays where it is: a run that changes sys.meta_path is warned about.
    """

    done = False

    def find_spec(self, name, path, target=None):
        if name != MODULE or self.done:
            return None
        self.done = True
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module
        def exec_module(module):
            execute(module)
            patch(module)
        spec.loader.exec_module = exec_module
        return spec

import importlib.util
if MODULE in sys.modules:
    patch(sys.modules[MODULE])
else:
    sys.meta_path.insert(0, _Finder())
'''


def patch_of(module: str, body: str) -> str:
    """A sitecustomize that runs `body` (which sees `module`) when the module named `module` is imported."""
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    return f"MODULE = {module!r}\ndef patch(module):\n{indented}\n{PATCH_WHEN_IMPORTED}"
