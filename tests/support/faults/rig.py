"""Run planted faults: goldens without a fault, one worker process per fault, and what was said of each."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.faults.catalogue import CASES, OWN_CASES
from tests.support.faults.fault import MARK, VARIABLE, Fault
from tests.support.project import ROOT, Project
from tests.support.starts.client import LATE

SITE = Path(__file__).resolve().parent / "site"

AT_ONCE = 2

OLD_PROCESSOR = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
    "HARNESS_THREADS": "2",
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""The kernels of a much older processor, and two threads: every network gives other bits then."""


_CALIBRATED = re.compile(r"(tolerance|  same-hardware): calibrated\b")
_INVARIANTS = re.compile(r"^invariants:.*\n(?: .*\n)*", re.MULTILINE)


@dataclass(frozen=True)
class Examined:
    """What came of one fault: did its code run, and the case as the report has it; `said` is what was printed."""

    fault: Fault
    took_effect: bool
    case: Mapping[str, Any] | None
    said: str

    @property
    def verdict(self) -> str:
        """The case's verdict; `none` where there is no report."""
        return self.case["verdict"] if self.case else "none"

    @property
    def divergence(self) -> Mapping[str, Any] | None:
        """Where the difference began."""
        return self.case["first_divergence"] if self.case else None

    @property
    def exact(self) -> tuple[str, ...]:
        """What the exact channel fails the case for."""
        found = self.case["exact_findings"] if self.case else ()
        return tuple(one["what"] for one in found if one["fails"])

    @property
    def misses(self) -> tuple[str, ...]:
        """What is said otherwise than the fault's definition has it; empty where all is right."""
        fault, said = self.fault, self.divergence
        if said is None:
            return ("nothing is named",)
        expected = {
            "stage": (fault.stage,),
            "component": fault.components,
            "event": fault.event and (fault.event,),
            "index": None if fault.index is None else (fault.index,),
            "module": fault.module and (fault.module,),
        }
        return tuple(
            f"{key} {said[key]}, not {' or '.join(map(str, accepted))}"
            for key, accepted in expected.items()
            if accepted and said[key] not in accepted
        )


def copy_configs(folder: Path) -> None:
    """Put the shipped configs without invariants into `folder`/configs, to judge goldens that have no calibration."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    for path in (folder / "configs").rglob("*.yaml"):
        text = _INVARIANTS.sub("", path.read_text())
        kept = [line for line in text.splitlines() if not _CALIBRATED.match(line)]
        path.write_text("\n".join(kept) + "\n")


def recorded(folder: Path, cases: Collection[str] = CASES) -> Project:
    """A project with the shipped configs and those of OWN_CASES, and goldens of the cases, without any fault."""
    copy_configs(folder)
    project = Project(folder)
    for name, (shipped, addition) in OWN_CASES.items():
        project.config(name, (folder / f"configs/{shipped}.yaml").read_text() + addition)
    for command in (("verify", "--allow-missing", "--device", "cpu", "--quiet"), ("accept",)):
        done = project.harness(command[0], *cases, *command[1:])
        if done.code:
            raise RuntimeError(f"the goldens were not recorded:\n{done.out}{done.err}")
    return project


def examine(project: Project, fault: Fault) -> Examined:
    """Explain the fault's case in a worker that has the fault."""
    folder = project.folder / "faults" / fault.name
    folder.mkdir(parents=True)
    mark = folder / "mark"
    planted = {VARIABLE: fault.name, MARK: str(mark), LATE: ",".join(("PYTHONPATH", VARIABLE, MARK))}
    faulty = project.with_variables(PYTHONPATH=str(SITE), **planted)
    report = folder / "report.json"
    command = ["explain", fault.case, *(["--deep"] if fault.module else [])]
    ran = faulty.harness(*command, "--device", "cpu", "--out", str(folder / "out"), "--json", str(report))
    cases = json.loads(report.read_text())["cases"] if report.exists() else [None]
    return Examined(fault, mark.exists(), cases[0], ran.out + ran.err)


def examine_all(project: Project, faults: Iterable[Fault]) -> dict[str, Examined]:
    """Explain several faults, a few at a time; by the fault's name."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(lambda fault: examine(project, fault), faults)
    return {one.fault.name: one for one in done}
