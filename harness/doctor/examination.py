"""Puts the findings about configs, goldens and machine together: alike ones become one, the worst come first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.config.load import LoadedFile
from harness.core.case import Case
from harness.core.results.doctor import DoctorReport, Finding, Harm
from harness.doctor.cases import case_findings
from harness.doctor.goldens import golden_findings, unused_findings
from harness.doctor.machine import installed_versions, machine_findings
from harness.golden.store import GoldenStore


def examined(loaded: Sequence[LoadedFile], goldens: Path, device: str, root: Path) -> DoctorReport:
    """The report about all these configs, the goldens under `goldens`, and this machine; `device` as in `cpu`."""
    cases = [case for file in loaded for case in file.cases]
    store, versions = GoldenStore(goldens), installed_versions()
    findings = list[Finding]()
    for file in loaded:
        findings += _of_config(file)
    for case in cases:
        findings += case_findings(case)
        findings += golden_findings(case, store, device, versions)
    if not any(file.problems for file in loaded):
        findings += unused_findings(goldens, _ids(cases))
    findings += machine_findings(root)
    count = sum(len(store.platforms(case.id)) for case in cases)
    return DoctorReport(gathered(findings), len(cases), count)


def gathered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, those that say the same of several places in one; the worst first, else in their order."""
    places: dict[tuple[Harm, str, str], dict[str, None]] = {}
    for one in findings:
        places.setdefault((one.harm, one.what, one.fix), {}).update(dict.fromkeys(one.places))
    found = [Finding(*key, tuple(where)) for key, where in places.items()]
    return tuple(sorted(found, key=lambda one: list(Harm).index(one.harm)))


def _of_config(file: LoadedFile) -> Iterable[Finding]:
    for problem in file.problems:
        fix = "fix it, as the message says"
        yield Finding(
            Harm.USELESS, f"{problem.key}: {problem.message}".removeprefix(": "), fix, (file.shown,)
        )
    for warning in file.warnings:
        if warning.key.endswith("revision"):
            fix = "pin `revision` to the commit that the model's page shows"
            yield Finding(Harm.DIFFERS, f"{warning.key}: {warning.message}", fix, (file.shown,))
        else:
            yield Finding(Harm.WEAK, f"{warning.key}: {warning.message}", "see the message", (file.shown,))


def _ids(cases: Sequence[Case]) -> frozenset[str]:
    return frozenset(case.id for case in cases)
