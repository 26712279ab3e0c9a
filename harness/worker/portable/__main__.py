"""`python -m harness.worker.portable [--store]`: print this process's known answers, or record them as expected."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import torch

from harness.core import portable as words
from harness.core.portable.known_answers import RECORD, builds
from harness.worker.environment import fingerprint
from harness.worker.portable import elementary, known_answers


def main() -> None:
    """Print the answers as JSON; with --store, record them in the package in place of older ones of these builds.

    The variables of `harness.core.portable.switches` must be set already; scripts/portable_evidence.sh does that.
    """
    elementary.install()
    software = fingerprint.software(torch.device("cpu"))
    entry = {"builds": dict(builds(software)), "answers": dict(known_answers.computed())}
    if "--store" not in sys.argv[1:]:
        print(json.dumps(entry, indent=1))
        return
    path = Path(str(resources.files(words).joinpath(RECORD)))
    # Drop the answers of operations that are no longer in the table.
    known = [one for one in json.loads(path.read_text(encoding="utf-8")) if _table(one) == _table(entry)]
    kept = [one for one in known if one["builds"] != entry["builds"]]
    path.write_text(json.dumps([*kept, entry], indent=1) + "\n", encoding="utf-8")


def _table(entry: Mapping[str, Mapping[str, str]]) -> str:
    return entry["builds"]["table"]


if __name__ == "__main__":
    main()
