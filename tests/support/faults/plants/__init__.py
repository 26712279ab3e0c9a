"""How each fault is planted: functions that patch a freshly imported module of diffusers or transformers."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from tests.support.faults.plants.tools import PLANTS


def plant(name: str, library: ModuleType) -> None:
    """Patch `library` with the fault of that name; raises KeyError for one that nothing plants."""
    planters()[name](library)


def planters() -> dict:
    """What plants each fault, by the fault's name."""
    for info in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{info.name}")
    return PLANTS
