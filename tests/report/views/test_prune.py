from __future__ import annotations

import json
from dataclasses import replace

import pytest

from harness.core.results.next_step import harness_step
from harness.core.results.recording import ObsoleteFile, PruneReport, StoreSize
from harness.report.views.prune import prune_json, size_words
from tests.report.screens import screen, shown

GONE = ObsoleteFile(
    "goldens/sd/x/cpu-x86_64.safetensors", "sd/x", "cpu-x86_64", 1500, "no config gives the case sd/x"
)
REPORT = PruneReport(
    (GONE,), StoreSize(files=4, goldens=3, bytes=6000), deleted=False, objections=("sd/x: outside",)
)

DELETE = harness_step("to delete them", "prune", "--delete")


def show(report: PruneReport, *, quiet: bool = False) -> str:
    return shown(lambda there: there.show_pruned(report, "goldens", DELETE), quiet=quiet)


def test_the_whole_screen() -> None:
    assert show(REPORT) == screen("""
        unused: goldens/sd/x/cpu-x86_64.safetensors (1.5 KB)
          no config gives the case sd/x

        check first: sd/x: outside
          next: to delete them:
            harness prune --delete
        obsolete: 1 of 4 files, 1.5 KB of 6.0 KB (25 %)
    """)


def test_after_the_deletion() -> None:
    assert show(replace(REPORT, deleted=True)) == screen("""
        deleted: goldens/sd/x/cpu-x86_64.safetensors (1.5 KB)
          no config gives the case sd/x

        deleted: 1 of 4 files, 1.5 KB of 6.0 KB (25 %)
    """)
    assert show(REPORT, quiet=True) == "obsolete: 1 of 4 files, 1.5 KB of 6.0 KB (25 %)\n"


def test_nothing_to_prune() -> None:
    told = show(PruneReport((), StoreSize(1, 1, 999), deleted=False))
    assert told == "goldens: every golden belongs to a case (1 file, 999 bytes)\n"


def test_json() -> None:
    assert json.loads(prune_json(REPORT)) == {
        "schema": 1,
        "obsolete": [
            {
                "path": "goldens/sd/x/cpu-x86_64.safetensors",
                "case": "sd/x",
                "platform": "cpu-x86_64",
                "bytes": 1500,
                "reason": "no config gives the case sd/x",
            }
        ],
        "store": {"files": 4, "goldens": 3, "bytes": 6000},
        "deleted": False,
        "objections": ["sd/x: outside"],
        "waiting": [],
    }


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 KB"), (2_500_000, "2.5 MB"), (10**13, "10000.0 GB")],
)
def test_sizes(size: int, told: str) -> None:
    assert size_words(size) == told
