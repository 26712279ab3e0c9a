"""Make the tables of docs/performance.md again: the benchmarks run one after another, on a machine that is idle.

python docs/performance_tables.py [peers] [scale]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from blocks import replace_block

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/performance.md"

BENCHMARKS = ("peers", "scale")


def main() -> None:
    """Run the benchmarks that are named, by default all, and put what each prints into the page."""
    for name in sys.argv[1:] or BENCHMARKS:
        done = subprocess.run(
            [sys.executable, str(ROOT / f"benchmarks/{name}.py")],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        replace_block(PAGE, name, done.stdout)


if __name__ == "__main__":
    main()
