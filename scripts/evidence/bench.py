"""Where the stages work: the folders, the device, the time that is left, and the harness's own commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_TO_END = 25.0
"""Seconds for a command to end by itself after an interrupt: it reports what it has, and its workers end."""

_KEPT_FOR_END = 5.0
"""Seconds of a stage that its commands must not use, for reading and packing what they left."""


class OutOfTime(Exception):
    """The stage's time is used up; what it has done is kept."""


@dataclass(frozen=True)
class Ran:
    """How a command ended: its exit code, and its JSON (empty if it wrote none)."""

    code: int
    report: Mapping[str, object]
    log: Path

    @property
    def cases(self) -> list[Mapping[str, object]]:
        """The cases of its report."""
        return list(self.report.get("cases", ()))  # type: ignore[call-overload]


@dataclass
class Bench:
    """The repository, which is only read; the folder of the work; the folder of the evidence; and the device."""

    root: Path
    work: Path
    out: Path
    device: str
    short: bool = False
    stage: str = ""
    deadline: float = field(default_factory=lambda: time.monotonic() + 3600.0)

    @property
    def platform(self) -> str | None:
        """The platform whose goldens the stage `goldens` has recorded; None if there are none yet."""
        found = {path.stem for path in self.goldens.rglob("*.safetensors")}
        return min(found, default=None)

    @property
    def goldens(self) -> Path:
        """The goldens of this device."""
        return self.work / "goldens"

    @property
    def configs(self) -> Path:
        """The configs of the repository and the variations of the stage `goldens`."""
        return self.work / "configs"

    @property
    def log(self) -> Path:
        """The log of the current stage."""
        return self.work / "logs" / f"{self.stage}.log"

    def left(self) -> float:
        """The seconds that a command may still take; raises OutOfTime if there are none."""
        left = self.deadline - time.monotonic() - _KEPT_FOR_END
        if left <= 0:
            raise OutOfTime
        return left

    def folder(self, name: str) -> Path:
        """A folder of the current stage."""
        path = self.work / "stages" / self.stage / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def harness(self, command: str, *words: str | Path, configs: Path, goldens: Path | None = None) -> Ran:
        """Run a command of the harness on the device; interrupted when the stage's time is over.

        Its output folder is `out` of the stage and its command, its root the folder that `configs` lies in.
        """
        out = self.folder("out") / command
        report = out.with_suffix(".json")
        report.unlink(missing_ok=True)
        places = [
            "--root",
            configs.parent,
            "--configs",
            configs,
            "--out",
            out,
            "--json",
            report,
            "--device",
            self.device,
        ]
        places += ["--goldens", goldens] if goldens else []
        code = self.run([sys.executable, "-m", "harness", command, *words, *places])
        unfinished = out / {"verify": "report.json"}.get(command, f"{command}.json")
        written = report if report.is_file() else unfinished
        return Ran(code, json.loads(written.read_text()) if written.is_file() else {}, self.log)

    def run(self, command: Sequence[str | Path], variables: Mapping[str, str] | None = None) -> int:
        """Run any command in the repository, its output in the log; 130 if it was interrupted.

        `variables` are added to its environment.
        """
        seconds = self.left()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            log.write(f"\n$ {' '.join(map(str, command))}\n".encode())
            log.flush()
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.root,
                env={**os.environ, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                return process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                _interrupt(process)
                return 130
            except BaseException:
                _interrupt(process)
                raise


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """End a command as Ctrl-C does, and kill what is left of it."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_TO_END)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
