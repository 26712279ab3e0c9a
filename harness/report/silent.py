"""The screen of callers that want results, not output: it shows nothing, and its warnings are Python's."""

from __future__ import annotations

import io
import warnings

from harness.report.terminal import Screen


class HarnessWarning(UserWarning):
    """What a command would print as a warning on standard error."""


class SilentScreen(Screen):
    """Shows nothing; a warning becomes a HarnessWarning, which callers can filter, record or turn into an error."""

    def __init__(self) -> None:
        super().__init__(quiet=True, stream=io.StringIO())

    def warn(self, message: str) -> None:
        """Issue the warning."""
        # Past the harness's own frames there is no level that always is the caller's.
        warnings.warn(message, HarnessWarning, stacklevel=2)

    def show_error(self, message: str) -> None:
        """Nothing: callers get the exception itself."""
