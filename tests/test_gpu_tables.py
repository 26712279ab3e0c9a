"""docs/gpu.md says that nothing was measured on a GPU until there is evidence, and then has its tables."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT

sys.path.insert(0, str(ROOT / "docs"))
from docs import gpu_tables

GOLDENS = {
    "stage": "goldens",
    "state": "complete",
    "seconds": 12.4,
    "failures": ["record a: broken: it raised"],
    "notes": ["left out of the archives: b"],
    "environment": {"platform": "cuda-sm90", "gpu": "NVIDIA H200", "cpu": "", "torch": "2.11.0+cu130"},
    "tables": {"goldens": [{"case": "a", "state": "recorded", "seconds": 1.25, "KiB": 117}]},
}
LATENTS = {
    **GOLDENS,
    "stage": "latents",
    "state": "out of time",
    "failures": [],
    "notes": [],
    "tables": {"fifty steps twice": [{"case": "a", "bit for bit": True, "L-infinity": 0.0}]},
}


def evidence(folder: Path, device: str, **stages: object) -> str:
    """A folder of evidence."""
    folder.mkdir()
    document = {"schema": 1, "device": device, "short": True, "stages": stages}
    (folder / "summary.json").write_text(json.dumps(document))
    return str(folder)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A copy of the page."""
    return Path(shutil.copy(ROOT / "docs/gpu.md", tmp_path / "gpu.md"))


def block(page: Path, name: str) -> str:
    """The text that a script has made."""
    _, _, after = page.read_text().partition(f"<!-- made: {name} -->\n\n```text\n")
    return after.partition("\n```\n")[0]


def test_the_page_has_a_block_for_each_stage_and_says_that_nothing_was_measured(page: Path) -> None:
    assert "No figure of this page was measured on a GPU yet." in page.read_text()
    for name in ("machine", *gpu_tables.STAGES):
        assert block(page, name) == "not measured yet"


def test_tables_from_two_folders(page: Path, tmp_path: Path) -> None:
    first = evidence(tmp_path / "first", "cuda", goldens=GOLDENS, latents={**LATENTS, "state": "failed"})
    second = evidence(tmp_path / "second", "cpu", latents=LATENTS)

    gpu_tables.main([first, second], page)

    assert block(page, "machine") == "platform: cuda-sm90\ngpu: NVIDIA H200\ntorch: 2.11.0+cu130"
    assert block(page, "goldens") == (
        "complete after 12 s\n"
        "failed: record a: broken: it raised\n"
        "note: left out of the archives: b\n"
        "\n"
        "goldens\n"
        "case  state     seconds  KiB\n"
        "a     recorded  1.25     117"
    )
    assert block(page, "latents") == (
        "Measured on a CPU, to try the script: these figures say nothing about a GPU.\n"
        "out of time after 12 s\n"
        "\n"
        "fifty steps twice\n"
        "case  bit for bit  L-infinity\n"
        "a     yes          0"
    )
    assert block(page, "speed") == "not measured yet"


def test_a_table_cannot_end_its_block(page: Path, tmp_path: Path) -> None:
    hostile = {**GOLDENS, "failures": ["```\n<!-- end of made --> <b>"]}
    gpu_tables.main([evidence(tmp_path / "first", "cuda", goldens=hostile)], page)
    assert page.read_text().count("<!-- end of made -->") == 1 + len(gpu_tables.STAGES)
    assert "failed: ''' <!- - end of made - -> <b>" in block(page, "goldens")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ('{"schema": 2}', "schema 2: expected 1; gather the evidence with this version"),
    ],
)
def test_a_folder_without_evidence(page: Path, tmp_path: Path, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / "summary.json").write_text(text)
    before = page.read_text()
    with pytest.raises(SystemExit, match=says):
        gpu_tables.main([str(tmp_path)], page)
    assert page.read_text() == before


def test_without_a_folder_it_says_what_to_name(page: Path) -> None:
    with pytest.raises(SystemExit, match="no folder given"):
        gpu_tables.main([], page)
