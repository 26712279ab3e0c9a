"""Pins of a project, in whatever file they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.results.doctor import Finding
from harness.doctor import machine


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the packages that should be pinned are installed."""
    monkeypatch.setattr(machine, "installed_versions", lambda: {"torch": "2.13.0", "diffusers": "0.43"})
    monkeypatch.setattr(machine, "obstacle", lambda: "")
    monkeypatch.setattr(machine, "numeric_variables", lambda *_given: {})
    monkeypatch.delenv("HARNESS_THREADS", raising=False)


def found(root: Path) -> list[Finding]:
    return list(machine.machine_findings(root))


@pytest.mark.parametrize(
    ("name", "text", "missing"),
    [
        ("requirements.txt", "torch==2.13.0\ndiffusers == 0.43.0 ; python_version > '3'\n", ""),
        ("requirements/runtime.txt", "torch==2.13.0\nDiffusers[torch]===0.43.0\n", ""),
        ("dev-requirements.txt", "torch==2.*\ndiffusers>=0.43\n", "torch, diffusers"),
        ("requirements.txt", "# torch==2.13.0\n-r other.txt\ntorch\n", "torch, diffusers"),
        ("uv.lock", "", ""),
        ("notes.txt", "torch==2.13.0\n", "torch, diffusers"),
    ],
)
def test_what_counts_as_a_pin(tmp_path: Path, name: str, text: str, missing: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert [one.what for one in found(tmp_path)] == (
        [f"no lock or requirements file pins {missing}"] if missing else []
    )
