"""The Python part of scripts/portable_evidence.sh: choose the cases that are evidence, and print the table.

portable_evidence.py plan CONFIGS OUT [SELECT...]   writes OUT/configs, OUT/plan.json and the ids of OUT/cases
                                                    and OUT/threaded
portable_evidence.py table OUT CPU...               prints the table; exit code 1 when anything differs
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import cli
from harness.config.load import load_cases
from harness.config.select import select
from harness.config.weights import is_hub_id
from harness.core.capture import CaptureDocument
from harness.core.case import Case
from harness.core.results.verdict import TensorResult
from harness.errors import HarnessError, UsageError
from harness.golden.header import read_document
from harness.run import process
from harness.trials.bitwise import compare_files, differing  # what `harness compare` does

NATIVE, IDENTICAL = "native", "identical"

NAMED = 3
"""The maximum number of operations that a table cell names."""

TIMEOUT = 6 * 60 * 60
"""Seconds for each case and for a worker's start: an emulated CPU is about fifty times slower than the real one."""

COPIES = "plan-configs"

THREADED = "sd/given-latents"
"""A short case whose bits depend on the number of threads."""

# A top-level key of a config with its value.
_DROPPED = re.compile(r"^(?:invariants|timeout):.*\n(?:[ #].*\n|\n)*", re.MULTILINE)


def plan(configs: Path, out: Path, patterns: Sequence[str]) -> None:
    """Choose the cases; copy the configs without invariants, which need more runs, and with a long timeout."""
    chosen = select(load_cases(configs).cases, patterns)
    left_out = {case.id: why for case in chosen if (why := _why_not(case))}
    cases = [case.id for case in chosen if case.id not in left_out]
    if not cases:
        told = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise UsageError(f"{' '.join(patterns)}: no case is left to run ({told}); select another")
    threaded = _threaded(cases)
    copies = out / COPIES
    if copies.resolve().is_relative_to(configs.resolve()):
        raise UsageError(f"{out}: is inside the configs' folder {configs}; choose another OUT")
    shutil.rmtree(copies, ignore_errors=True)
    shutil.copytree(configs, copies)
    for path in copies.rglob("*.y*ml"):
        text = _DROPPED.sub("", path.read_text(encoding="utf-8").rstrip() + "\n")
        path.write_text(f"{text}timeout: {TIMEOUT}\n", encoding="utf-8")
    (out / "plan.json").write_text(json.dumps({"cases": cases, "threaded": threaded, "left_out": left_out}))
    (out / "cases").write_text("\n".join(cases) + "\n")
    (out / "threaded").write_text("\n".join(threaded) + "\n")


def _threaded(cases: Sequence[str]) -> list[str]:
    """The cases that also run with several threads: those that THREADED names, by default one."""
    wanted = os.environ.get("THREADED")
    if wanted is None:
        return [THREADED if THREADED in cases else cases[0]]
    if unknown := [name for name in wanted.split() if name not in cases]:
        raise UsageError(f"THREADED: {' '.join(unknown)}: none of the selected cases ({' '.join(cases)})")
    return wanted.split()


def _why_not(case: Case) -> str:
    """Why a case is no evidence; "" if it is."""
    if not case.determinism.portable:
        return "it says portable: false"
    if case.allow_nondeterministic:
        return "unseeded on purpose (nondeterministic: allow): no two runs agree"
    if is_hub_id(case.model.id, Path(case.base)):
        return f"its model comes from the hub ({case.model.id})"
    if case.devices and "cpu" not in case.devices:
        return f"it runs on {' and '.join(case.devices)} only"
    return "torch.compile generates its code for the current CPU" if case.variant.compile else ""


@dataclass(frozen=True)
class Run:
    """The results of one CPU in `folder`, which has the CPU's name; NAME-threads for several threads."""

    folder: Path

    def missing(self, case: str) -> str:
        """Why there is no capture of `case`; "" if there is one."""
        path = self.folder / "verify.json"
        report = json.loads(path.read_text()) if path.is_file() else {"cases": []}
        judged = next((one for one in report["cases"] if one["case"] == case), None)
        if judged is None:
            return f"{self.folder.name}: not run"
        if judged["verdict"] != "no-golden":  # there are no goldens: anything else came without a capture
            return f"{self.folder.name}: {judged['verdict']}: {' '.join((judged['reason'] or '').split())}"
        return "" if self.capture(case).is_file() else f"{self.folder.name}: left no capture"

    def capture(self, case: str) -> Path:
        """The capture's path, whether it exists or not."""
        return self.folder / "captures" / case / "capture.safetensors"

    def document(self, case: str) -> CaptureDocument:
        """The capture's document; raises UnreadableGolden if it is damaged."""
        return read_document(self.capture(case))


def compared(case: str, ours: Run, theirs: Run) -> str:
    """The comparison of two runs: `identical` if both are portable, with outputs and trace equal bit for bit."""
    if missing := [why for run in (ours, theirs) if (why := run.missing(case))]:
        return "; ".join(missing)
    lost = [
        f"{run.folder.name} is not portable ({'; '.join(run.document(case).warnings)})"
        for run in (ours, theirs)
        if not run.document(case).environment.switches.portable
    ]
    return "; ".join([*lost, _bits(case, ours, theirs)])


def _bits(case: str, ours: Run, theirs: Run) -> str:
    apart = differing(compare_files(ours.capture(case), theirs.capture(case)))
    if apart:
        return "; ".join(f"{one.name} {one.verdict}, {_metrics(one)}" for one in apart)
    a, b = ours.document(case).sha256, theirs.document(case).sha256
    recorded = [name for name in {**a, **b} if a.get(name) != b.get(name)]
    return f"the outputs are alike, not {', '.join(recorded)}" if recorded else IDENTICAL


def _metrics(tensor: TensorResult) -> str:
    found = (f"{name} {value:.1e}" for name in ("max_abs", "rel_l2") if (value := tensor.metrics.get(name)))
    return ", ".join(found) or tensor.reason


def answers(cases: Sequence[str], ours: Run, theirs: Run) -> str:
    """The comparison of two runs' known answers."""
    both = [one for one in cases if not ours.missing(one) and not theirs.missing(one)]
    if not both:
        return "no capture to read them from"
    a, b = (run.document(both[0]).environment.known_answers for run in (ours, theirs))
    if not (a and b):
        return f"{(ours if not a else theirs).folder.name}: none computed"
    apart = [name for name in {**a, **b} if a.get(name) != b.get(name)]
    return (
        f"{len(apart)} of {len(a)} differ: {', '.join(apart[:NAMED])}" if apart else f"{len(a)} {IDENTICAL}"
    )


def threads_decide(case: str, one: Run, several: Run) -> str:
    """Whether the number of threads decides the bits of `case` on this CPU."""
    if missing := [why for run in (one, several) if (why := run.missing(case))]:
        return "; ".join(missing)
    count = several.document(case).environment.switches.threads
    same = one.document(case).sha256 == several.document(case).sha256
    return f"{case} on this CPU: {count} threads give {'the same bits as one' if same else 'different bits than one'}"


def table(out: Path, cpus: Sequence[str]) -> bool:
    """Print the table and what it omits; return whether every cell is identical."""
    plan = json.loads((out / "plan.json").read_text())
    native, threaded = Run(out / NATIVE), Run(out / f"{NATIVE}-threads")
    rows = [["known answers", *(answers(plan["cases"], native, Run(out / cpu)) for cpu in cpus)]]
    for case in plan["cases"]:
        rows.append([case, *(compared(case, native, Run(out / cpu)) for cpu in cpus)])
    for case in plan["threaded"]:
        label = f"{case}, {os.environ['THREADS']} threads"
        rows.append([label, *(compared(case, threaded, Run(out / f"{cpu}-threads")) for cpu in cpus)])
    head = ["case", *(f"emulated {cpu}" for cpu in cpus)]
    for line in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |")
    print()
    for case, why in plan["left_out"].items():
        print(f"left out: {case}: {why}")
    for case in plan["threaded"]:
        print(threads_decide(case, native, threaded))
    apart = sum(not cell.endswith(IDENTICAL) or ";" in cell for row in rows for cell in row[1:])
    print(f"rows: {len(rows)}, emulated CPUs: {len(cpus)}, cells that are not identical: {apart}")
    return not apart


def main(words: Sequence[str]) -> int:
    """The exit code: 0, 1 if something differs, or that of the error."""
    try:
        if words[0] == "plan":
            plan(Path(words[1]), Path(words[2]), words[3:])
            return 0
        if words[0] == "harness":
            sys.executable, process.STARTUP_SECONDS = words[1], float(TIMEOUT)
            return cli.main(list(words[2:]))
        return 0 if table(Path(words[1]), words[2:]) else 1
    except HarnessError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
