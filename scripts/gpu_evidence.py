"""The Python part of scripts/gpu_evidence.sh: run the stages within their time, and write the summary after every step.

gpu_evidence.py [--device cuda|cpu] [--stage NAME]... [--seconds N] [--short]
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.evidence import stages  # noqa: E402
from scripts.evidence.bench import Bench  # noqa: E402

SECONDS = 540
"""For all stages together: a machine is lent for ten minutes, of which starting and installing take some."""


def options(words: Sequence[str]) -> argparse.Namespace:
    """What was asked for; exits with 2 on bad usage."""
    parser = argparse.ArgumentParser(prog="scripts/gpu_evidence.sh", description="Evidence from a GPU.")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="default cuda")
    parser.add_argument(
        "--stage",
        action="append",
        choices=tuple(stages.STAGES),
        metavar="NAME",
        help=f"only this one, may be given again: {', '.join(stages.STAGES)} (default all, in this order)",
    )
    parser.add_argument(
        "--seconds", type=int, default=SECONDS, help=f"for all stages together (default {SECONDS})"
    )
    parser.add_argument("--short", action="store_true", help="a few short cases of each stage")
    chosen = parser.parse_args(words)
    if chosen.seconds < 1:
        parser.error(f"--seconds {chosen.seconds}: expected at least 1")
    return chosen


def main(words: Sequence[str]) -> int:
    """The exit code: 0, or 1 if a stage failed."""
    chosen = options(words)
    work, out = (
        Path(os.environ.get(*one)).resolve() for one in (("WORK", "out/gpu"), ("OUT", "out/gpu-evidence"))
    )
    bench = Bench(ROOT, work, out, chosen.device, short=chosen.short)
    try:
        return stages.run(bench, chosen.stage or tuple(stages.STAGES), float(chosen.seconds))
    except KeyboardInterrupt:
        print(f"stopped; {out} keeps what was done, --stage goes on with it", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
