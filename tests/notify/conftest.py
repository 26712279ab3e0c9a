from __future__ import annotations

import pytest


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses take no time, and are kept."""
    found: list[float] = []
    monkeypatch.setattr("harness.notify.retry.retried.__defaults__", (found.append,))
    return found
