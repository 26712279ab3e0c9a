"""`python -m harness.worker DEVICE`: serve jobs from standard input until it closes.

With `--forks DESCRIPTOR` it forks others that do.
"""

import sys

from harness.worker.serving import forks, serve

if __name__ == "__main__":
    match sys.argv[1:]:
        case [device, "--forks", descriptor]:
            forks.main(device, int(descriptor))
        case [device]:
            serve.main(device)
