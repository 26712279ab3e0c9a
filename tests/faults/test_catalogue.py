"""The catalogue is whole: every fault can be planted, has a config, and stands in the docs."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.support.faults.catalogue import CASES, CATALOGUE, OWN_CASES
from tests.support.project import ROOT

STAGES = {
    "inputs",
    "noise",
    "text_encoding",
    "image_encoding",
    "denoiser",
    "guidance",
    "scheduler",
    "decoding",
    "post_processing",
}
ROW = re.compile(r"\| `([^`]+)` \| ([^|]+) \| `([^`]+)` \|.*\| (\S+) \|$")


def test_names_are_unique_and_stages_are_the_contract_s() -> None:
    assert len({fault.name for fault in CATALOGUE}) == len(CATALOGUE) >= 28
    assert {fault.stage for fault in CATALOGUE} <= STAGES


def test_every_fault_has_its_planter_and_no_planter_is_idle() -> None:
    script = "from tests.support.faults.plants import planters; print(*planters(), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.split()) == sorted(fault.name for fault in CATALOGUE)


def test_every_case_is_shipped_or_made_of_one_that_is() -> None:
    for case in CASES:
        shipped, _ = OWN_CASES.get(case, (case, ""))
        assert (ROOT / "configs" / f"{shipped.partition('@')[0]}.yaml").is_file(), case


def test_the_page_shows_every_fault_with_its_result() -> None:
    rows = [
        match for line in (ROOT / "docs/faults.md").read_text().splitlines() if (match := ROW.match(line))
    ]
    assert [row.group(1) for row in rows] == [fault.name for fault in CATALOGUE]
    assert [(row.group(2), row.group(3)) for row in rows] == [(fault.what, fault.case) for fault in CATALOGUE]
    assert {row.group(4) for row in rows} == {"yes"}
