"""What besides packages may have changed a case."""

from __future__ import annotations

from harness.core.environment import Change
from harness.upgrade.blame.own_changes import own_changes


def changes(*names: str) -> tuple[Change, ...]:
    return tuple(Change(name, "a", "b") for name in names)


def names(found: tuple[Change, ...]) -> list[str]:
    return [one.what for one in found]


def test_what_the_project_decides_goes_before_its_surroundings() -> None:
    found = own_changes(changes("hardware.cpu_model", "weights.unet", "software.python", "filled_in.height"))
    assert names(found) == ["weights.unet", "filled_in.height"]


def test_hardware_and_switches_count_where_nothing_else_moved() -> None:
    found = own_changes(changes("software.packages.diffusers", "hardware.cpu_model", "switches.threads"))
    assert names(found) == ["hardware.cpu_model", "switches.threads"]


def test_packages_and_the_start_of_a_process_are_no_own_changes() -> None:
    moved = changes("software.packages.diffusers", "software.imported.x", "switches.variables.PYTHONHASHSEED")
    assert own_changes((*moved, *changes("software.os"))) == ()
