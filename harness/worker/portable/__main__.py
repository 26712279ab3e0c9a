"""`python -m harness.worker.portable [--store]`: print what this process answers, or keep it as what is expected."""

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
    """Print the answers as JSON; with --store put them into the package, in the place of older ones of these builds.

    The variables of `harness.core.portable.switches` have to be set already; scripts/portable_evidence.sh does it.
    """
    elementary.install()
    software = fingerprint.software(torch.device("cpu"))
    entry = {"builds": dict(builds(software)), "answers": dict(known_answers.computed())}
    if "--store" not in sys.argv[1:]:
        print(json.dumps(entry, indent=1))
        return
    path = Path(str(resources.files(words).joinpath(RECORD)))
    # Answers of another table's operations are asked for by nobody.
    known = [one for one in json.loads(path.read_text(encoding="utf-8")) if _table(one) == _table(entry)]
    kept = [one for one in known if one["builds"] != entry["builds"]]
    path.write_text(json.dumps([*kept, entry], indent=1) + "\n", encoding="utf-8")


def _table(entry: Mapping[str, Mapping[str, str]]) -> str:
    return entry["builds"]["table"]


if __name__ == "__main__":
    main()
