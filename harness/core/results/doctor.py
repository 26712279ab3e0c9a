"""What `harness doctor` finds: what would make two runs differ, or a golden useless, each with its fix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Harm(StrEnum):
    """What a finding does, the worst first: a golden cannot judge, two runs may differ, a case judges less."""

    USELESS = "golden cannot judge"
    DIFFERS = "runs may differ"
    WEAK = "judges less"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to fix: `what` is wrong in these `places` (cases, files, variables; empty for the machine)."""

    harm: Harm
    what: str
    fix: str
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All findings, the worst first, and how many cases and goldens were looked at."""

    findings: tuple[Finding, ...]
    cases: int
    goldens: int

    def summary(self) -> Mapping[Harm, int]:
        """The number of findings per harm that occurred, in the order of `Harm`."""
        harms = [one.harm for one in self.findings]
        return {harm: harms.count(harm) for harm in Harm if harm in harms}

    def exit_code(self) -> int:
        """1 if a golden cannot judge or runs may differ, otherwise 0."""
        return 1 if any(one.harm is not Harm.WEAK for one in self.findings) else 0
