"""The units that ship run the script that ships, every night."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest


def unit(repo_root: Path, name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=True, interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read_string((repo_root / ".ci/systemd" / name).read_text(encoding="utf-8"))
    return found


def test_the_service_runs_the_nightly_script_of_its_folder(repo_root: Path) -> None:
    service = unit(repo_root, "harness-nightly.service")["Service"]
    assert service["ExecStart"].split()[:2] == ["/bin/sh", ".ci/nightly"]
    assert (repo_root / ".ci/nightly").is_file()
    assert (service["Type"], service["WorkingDirectory"]) == ("oneshot", "%h/diffusers-goldens")
    assert service["EnvironmentFile"].startswith("-")


def test_the_timer_runs_every_night_and_makes_up_for_missed_ones(repo_root: Path) -> None:
    timer = unit(repo_root, "harness-nightly.timer")
    assert timer["Timer"]["OnCalendar"].startswith("*-*-* ")
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Install"]["WantedBy"] == "timers.target"


@pytest.mark.parametrize("name", ["harness-nightly.service", "harness-nightly.timer"])
def test_no_secret_is_in_a_unit(repo_root: Path, name: str) -> None:
    assert "Environment=" not in (repo_root / ".ci/systemd" / name).read_text(encoding="utf-8")
