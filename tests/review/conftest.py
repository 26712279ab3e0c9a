"""A project with a finished verify that the tests of decisions share."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.pretend import VALUES, Pretend, pretend

__all__ = ["pretend"]

SOON = VALUES + np.float32(0.25)


@pytest.fixture
def drifted(pretend: Pretend, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Two recorded cases, `a/one` of which drifted in the last verify; git knows Ann."""
    config = pretend.folder / "gitconfig"
    config.write_text("[user]\n name = Ann\n email = ann@example.org\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(pretend.folder.parent))
    for name in ("a/one", "a/two"):
        pretend.config(name)
    assert pretend.record().code == 0
    pretend.values["a/one"] = SOON
    assert pretend.harness("verify").code == 1
    return pretend
