"""Make the tables of docs/gpu.md from the evidence that scripts/gpu_evidence.sh gathered.

python docs/gpu_tables.py FOLDER...

Each folder has a summary.json; a stage that several have is taken from the last.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from blocks import replace_block

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/gpu.md"
sys.path.insert(0, str(ROOT))

from scripts.evidence.stages import STAGES  # noqa: E402
from scripts.evidence.summary import shown, table  # noqa: E402

NONE = "not measured yet"

ON_CPU = "Measured on a CPU, to try the script: these figures say nothing about a GPU."

Stage = Mapping[str, object]


def main(words: Sequence[str], page: Path = PAGE) -> None:
    """Write every block of the page; exits if a folder has no readable evidence."""
    if not words:
        raise SystemExit("no folder given: name one or more that scripts/gpu_evidence.sh has filled")
    found: dict[str, tuple[str, Stage]] = {}
    for word in words:
        device, stages = read(Path(word))
        found.update({name: (device, stage) for name, stage in stages.items()})
    for name in STAGES:
        replace_block(page, name, "\n".join(block(*found[name])) if name in found else NONE)
    replace_block(page, "machine", "\n".join(machine([stage for _, stage in found.values()])) or NONE)


def read(folder: Path) -> tuple[str, Mapping[str, Stage]]:
    """The device of a folder's evidence, and its stages by name."""
    path = folder / "summary.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SystemExit(
            f"{path}: cannot be read ({error}); name a folder that scripts/gpu_evidence.sh filled"
        ) from error
    if document.get("schema") != 1:
        raise SystemExit(
            f"{path}: schema {document.get('schema')!r}: expected 1; gather the evidence with this version"
        )
    return document["device"], document["stages"]


def block(device: str, stage: Stage) -> Iterator[str]:
    """The lines of a stage: how it ended, what failed, its tables."""
    yield from map(_harmless, _lines(device, stage))


def _harmless(line: str) -> str:
    """Text from a log must not end the block that it stands in."""
    return (
        line.replace("`", "'").replace("--", "- -")
        if "`" in line or "<!--" in line or "-->" in line
        else line
    )


def _lines(device: str, stage: Stage) -> Iterator[str]:
    if device == "cpu":
        yield ON_CPU
    yield f"{stage['state']} after {stage['seconds']:.0f} s"
    yield from (f"failed: {shown(text)}" for text in stage["failures"])  # type: ignore[attr-defined]
    yield from (f"note: {shown(text)}" for text in stage["notes"])  # type: ignore[attr-defined]
    for title, rows in stage["tables"].items():  # type: ignore[attr-defined]
        yield ""
        yield from table(title, rows)


def machine(stages: Sequence[Stage]) -> Iterator[str]:
    """Hardware and versions; where the stages ran on several, each."""
    seen: dict[str, None] = {}
    for stage in stages:
        here: Mapping[str, object] = stage["environment"]  # type: ignore[assignment]
        if here:
            seen["\n".join(f"{name}: {value}" for name, value in here.items() if value)] = None
    yield from "\n\n".join(seen).splitlines()


if __name__ == "__main__":
    main(sys.argv[1:])
