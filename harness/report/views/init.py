"""What `harness init` shows: the files that it wrote, and the three commands to go on with."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text


def init_sections(written: Sequence[tuple[Path, bool]], root: Path, cases: Sequence[str]) -> list[list[Text]]:
    """The sections of the screen; of each file, whether lines were added to it. Paths are relative to `root`."""
    files = [Text(f"{'extended' if added else 'wrote':<9}{path.as_posix()}") for path, added in written]
    folders = [path.as_posix() for path, _added in written]
    commands = [
        ("harness record", "run every case twice, and store what both runs agree on"),
        (shlex.join(["git", "add", *folders, "goldens"]), "the goldens belong to the code that they judge"),
        ("harness verify", "from now on: does it still compute the same?"),
    ]
    told = Text(f"in {root}: {len(cases)} case{'s' if len(cases) != 1 else ''}: {', '.join(cases)}")
    steps = [line for text, why in commands for line in (Text(f"  {text}"), Text(f"      {why}"))]
    return [files, [told], [Text("next:"), *steps]]
