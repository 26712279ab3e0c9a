"""Make docs/pipelines.md: run every tiny pipeline of tests/support/tiny through the harness, from YAML alone.

Each is built from its model classes' own configs with seeded random weights, saved into a folder, run once to
become the golden, and verified in another process. The script takes about half an hour on two cores. Given names,
it regenerates only their rows.

    python docs/pipelines_table.py [NAME ...]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import diffusers
import torch
import transformers

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/pipelines.md"
sys.path.insert(0, str(ROOT))

from tests.support.tiny.project import write_project  # noqa: E402
from tests.support.tiny.registry import TinyPipeline, all_tiny  # noqa: E402

HEAD = """\
# Tested pipelines

This page lists {count} pipeline classes of diffusers {diffusers} in {families} families, run with
transformers {transformers} and torch {torch} on a CPU. Each is built from its model classes' own
configs with seeded random weights (`tests/support/tiny`) and saved with `save_pretrained`.
From then on a YAML file alone describes it: the harness
loads it, runs it, accepts the capture as the golden, and verifies it in another process, where one worker runs many
pipelines one after another. `python docs/pipelines_table.py` regenerates this page.

{summary}

| family | class | outputs | verdict | remarks |
| --- | --- | --- | --- | --- |
"""


def main() -> None:
    """Run the named pipelines, or all, and write the page."""
    entries = all_tiny()
    chosen = [entry for entry in entries if not sys.argv[1:] or entry.name in sys.argv[1:]]
    rows = rows_of(PAGE.read_text()) if len(chosen) < len(entries) else {}
    results = run(chosen)
    rows |= {entry.name: row(entry, results[entry.name]) for entry in chosen}
    PAGE.write_text(page([entry for entry in entries if entry.name in rows], rows))


def run(chosen: Sequence[TinyPipeline]) -> dict[str, dict]:
    """The cases of the last verify's report, by name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(chosen, folder)
        harness(folder, "verify", "--allow-missing")
        harness(folder, "accept")
        harness(folder, "verify")
        report = json.loads((folder / "out/report.json").read_text())
    return {case["case"]: case for case in report["cases"]}


def harness(folder: Path, *words: str) -> None:
    """Run one command of the harness in `folder`, with two workers if it runs cases."""
    jobs = ["--jobs", "2"] if words[0] == "verify" else []
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "harness", *words, *jobs, "--device", "cpu", "--quiet"]
    subprocess.run(command, cwd=folder, env=environment, check=False, stdout=subprocess.DEVNULL)


def rows_of(text: str) -> dict[str, str]:
    """The lines of a page's table, by class."""
    _, _, body = text.partition("| --- | --- | --- | --- | --- |\n")
    return {line.split(" | ")[1]: line for line in body.splitlines(keepends=True)}


def page(entries: Sequence[TinyPipeline], rows: dict[str, str]) -> str:
    """The page's text; `rows` holds the table's lines by class."""
    verdicts = [rows[entry.name].split(" | ")[3] for entry in entries]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in sorted(set(verdicts)))
    head = HEAD.format(
        count=len(entries),
        families=len({entry.family for entry in entries}),
        summary=f"Result: {counts}.",
        diffusers=diffusers.__version__,
        transformers=transformers.__version__,
        torch=torch.__version__.partition("+")[0],
    )
    return head + "".join(rows[entry.name] for entry in entries)


def row(entry: TinyPipeline, result: dict) -> str:
    """One line of the table."""
    outputs = ", ".join(
        f"`{tensor['name']}` {tensor['dtype']} {'x'.join(map(str, tensor['shape'])) or 'scalar'}"
        for tensor in result["tensors"]
    )
    remarks = [*result["warnings"], *([result["reason"]] if result["verdict"] != "identical" else [])]
    shown = "; ".join(" ".join(remark.split()).replace("|", "\\|") for remark in remarks)
    return f"| {entry.family} | {entry.name} | {outputs} | {result['verdict']} | {shown} |\n"


if __name__ == "__main__":
    main()
