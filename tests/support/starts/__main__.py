"""`python -m tests.support.starts WORDS`: the command `harness WORDS`, its workers forked from shared servers."""

import sys

from harness.__main__ import main
from tests.support.starts.client import install

if __name__ == "__main__":
    install()
    sys.exit(main())
