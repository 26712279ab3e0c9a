"""Whether a config uses the measured limits, and that following the advice makes it use them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.calibrated import unused
from harness.config.load import load_cases
from harness.core.tolerance import Limits, Relation, Rule
from tests.config.folder import MINIMAL, only_case, write

SAME, OTHER = Relation.SAME_HARDWARE, Relation.CROSS_HARDWARE


@pytest.mark.parametrize(
    "tolerance",
    [
        "calibrated",
        "{same-hardware: calibrated, cross-hardware: calibrated}",
        "{same-hardware: calibrated, cross-hardware: refuse}",
        "{same: {max_abs: 1.0}, same-hardware: calibrated, cross-hardware: calibrated}",
        "{same-hardware: refuse, cross-hardware: refuse}",
    ],
)
def test_used_or_refused(configs: Path, tolerance: str) -> None:
    write(configs, a=MINIMAL + f"tolerance: {tolerance}\n")
    assert unused(only_case(configs)) is None


@pytest.mark.parametrize(
    ("stated", "relations", "yaml"),
    [
        ("", (SAME, OTHER), "tolerance: calibrated"),
        ("tolerance: {same: exact}\n", (SAME, OTHER), "tolerance: calibrated"),
        ("tolerance: {same-hardware: {rel_l2: 1.0e-5}}\n", (SAME, OTHER), "tolerance: calibrated"),
        ("tolerance: {same-hardware: calibrated}\n", (OTHER,), "tolerance: calibrated"),
        (
            "tolerance: {cross-hardware: refuse}\n",
            (SAME,),
            "tolerance:\n  same-hardware: calibrated\n  cross-hardware: refuse",
        ),
        ("tolerance: {same-hardware: exact, cross-hardware: calibrated}\n", (SAME,), "tolerance: calibrated"),
        (
            "tolerance: {same: {max_abs: 1.0e-6, psnr: 60}}\n",
            (SAME, OTHER),
            "tolerance:\n  same: {max_abs: 1.0e-06, psnr: 60.0}\n  same-hardware: calibrated\n"
            "  cross-hardware: calibrated",
        ),
    ],
)
def test_what_to_write_makes_it_used(
    configs: Path, stated: str, relations: tuple[Relation, ...], yaml: str
) -> None:
    write(configs, a=MINIMAL + stated)
    before = only_case(configs)
    found = unused(before)
    assert found is not None
    assert (found.file, found.relations, found.yaml) == ("configs/a.yaml", relations, yaml)
    assert found.replaces == bool(stated)
    write(configs, a=MINIMAL + found.yaml + "\n")
    after = only_case(configs)
    assert unused(after) is None
    assert after.tolerance.same == before.tolerance.same
    if before.tolerance.cross_hardware is Rule.REFUSE:
        assert after.tolerance.cross_hardware is Rule.REFUSE


def test_a_matrix_that_sets_it_is_not_overruled(configs: Path) -> None:
    write(configs, a=MINIMAL + "matrix: {tolerance.same-hardware: [calibrated, exact]}\n")
    calibrated, exact = (unused(case) for case in load_cases(configs).cases)
    assert calibrated is not None
    assert (calibrated.relations, calibrated.yaml) == ((OTHER,), "")
    assert exact is not None
    assert exact.relations == (SAME, OTHER)
    assert isinstance(load_cases(configs).cases[0].tolerance.cross_hardware, Limits)
