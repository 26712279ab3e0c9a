"""`harness` and `python -m harness`: answers signals first, so that one during the imports ends in a sentence too."""

import sys

from harness import interrupts


def main() -> int:
    """Run the command line; returns its exit code."""
    interrupts.install()
    from harness.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
