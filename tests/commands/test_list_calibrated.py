"""What `list` says of calibrations, and what it loads to say so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.golden.calibrations import CALIBRATION
from tests.support.pretend import CONFIG, Pretend, pretend

__all__ = ["pretend"]

PROBE = """
import sys
from harness.cli import main
assert main(["list", "--quiet"]) == 0
print(sorted({"numpy", "ml_dtypes", "torch"} & set(sys.modules)))
"""


@pytest.fixture
def recorded(pretend: Pretend) -> Pretend:
    pretend.config("a")
    assert pretend.record().code == 0
    return pretend


def test_a_damaged_calibration_is_told_of_also_where_no_limit_comes_from_it(recorded: Pretend) -> None:
    CALIBRATION.path(recorded.golden("a")).write_text("{")
    ran = recorded.harness("list", "--device", "cpu")
    assert "damaged" in ran.out
    assert "harness calibrate a" in " ".join(ran.err.split())


def test_a_golden_without_calibration_needs_no_numbers(recorded: Pretend) -> None:
    assert "damaged" not in recorded.harness("list", "--device", "cpu").out
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=recorded.folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["[]"]


def test_where_limits_are_to_be_measured_their_lack_is_told(pretend: Pretend) -> None:
    pretend.config("a", f"{CONFIG}tolerance: calibrated\n")
    assert pretend.record().code == 0
    assert "missing" in pretend.harness("list", "--device", "cpu").out
