"""A project whose runs are made up: the real commands in this process, captures written by numpy, no worker."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import cli
from harness.core.capture import Completed, Outcome
from harness.core.environment import Environment
from harness.run.trial import Trial
from tests.golden.builders import environment, write_capture
from tests.support import pools
from tests.support.project import Ran

CONFIG = """\
pipeline: DDIMPipeline
model: {id: "builtin:ddpm-digits"}
steps: 2
seed: 0
trace: none
call: {output_type: np}
"""

VALUES = np.linspace(0.0, 1.0, 64, dtype=np.float32)

Before = Callable[[Trial], Outcome | None]


@dataclass
class Pretend:
    """A folder with configs and goldens; `values` are what the next runs give, by case.

    `before` is called as each run ends: it may raise, or give another outcome. `document` holds further
    entries of every capture's document.
    """

    folder: Path
    here: Environment = field(default_factory=environment)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    before: Before = lambda _run: None
    runs: list[str] = field(default_factory=list)

    def config(self, name: str, text: str = CONFIG) -> Path:
        """Write one config file."""
        path = self.folder / "configs" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def harness(self, *words: str) -> Ran:
        """Run `harness` with `words` in the folder; what ends it beside an error comes out as it is."""
        out, err, here = io.StringIO(), io.StringIO(), Path.cwd()
        try:
            os.chdir(self.folder)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = cli.main(words)
        finally:
            os.chdir(here)
        return Ran(code, out.getvalue(), err.getvalue())

    def record(self, *words: str) -> Ran:
        """Run `harness record` without its gates."""
        return self.harness("record", *words, "--no-gates")

    def golden(self, case: str, platform: str = "cpu-x86_64") -> Path:
        """Where the golden of a case lies."""
        return self.folder / "goldens" / case / f"{platform}.safetensors"

    def capture(self, case: str) -> Path:
        """Where the last verify left the capture of a case."""
        return self.folder / "out/captures" / case / "capture.safetensors"

    def report(self, name: str = "report.json") -> dict[str, Any]:
        """A report of the output folder."""
        return json.loads((self.folder / "out" / name).read_text())

    def of(self, case: str, name: str = "report.json") -> dict[str, Any]:
        """What a report says of a case."""
        return next(one for one in self.report(name)["cases"] if one["case"] == case)

    def outcome(self, trial: Trial) -> Outcome:
        """What comes of a trial."""
        self.runs.append(trial.case.id)
        return self.before(trial) or self._completed(trial, len(self.runs))

    def _completed(self, trial: Trial, number: int) -> Outcome:
        values = self.values.get(trial.case.id, VALUES)
        # Two runs never take the same time, so that two captures never are the same file.
        told: Mapping[str, Any] = {"case": trial.case, "env": self.here, "filled_in": {"run": number}}
        write_capture(trial.capture, {"images": values}, **{**told, **self.document})
        return Completed(str(trial.capture), self.here, 1.0)


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """An empty project whose commands start no worker."""
    project = Pretend(tmp_path)
    pools.install(monkeypatch, project.outcome)
    monkeypatch.setattr("harness.trials.session.fingerprint", lambda *_given: project.here)
    return project
