"""`python -m harness.worker DEVICE`: serve jobs from standard input until it closes."""

import sys

from harness.worker.serve import main

if __name__ == "__main__":
    main(sys.argv[1])
