"""A terminal in which a test types."""

from __future__ import annotations

import io

import pytest


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Whether it is one."""
        return True


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> Terminal:
    """Standard input holds `text`, and what is asked goes to the terminal returned; call it in the test itself."""
    shown = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(text))
    monkeypatch.setattr("sys.stderr", shown)
    return shown
