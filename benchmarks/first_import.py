"""What `import harness` costs: milliseconds beyond those of an empty Python, the least of several tries.

    python benchmarks/first_import.py

A project that imports the package in its tests or tools pays this each time; what the functions need is imported when
one of them is first looked up.
"""

from __future__ import annotations

import subprocess
import sys

TRIES = 7
TIMED = "import time; start = time.perf_counter(); {code}; print((time.perf_counter() - start) * 1000)"
CODES = {
    "import harness": "import harness",
    "and look up harness.verify": "import harness; harness.verify",
    "the pytest plugin": "import harness.pytest_plugin",
}


def milliseconds(code: str) -> float:
    """The time that `code` takes in a new process whose interpreter has started, in milliseconds."""
    command = [sys.executable, "-c", TIMED.format(code=code)]
    tries = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(TRIES)]
    return min(float(done.stdout) for done in tries)


def main() -> None:
    """Print a line for each."""
    for name, code in CODES.items():
        print(f"{name:<28}{milliseconds(code):8.1f} ms")


if __name__ == "__main__":
    main()
