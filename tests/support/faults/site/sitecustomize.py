"""Plants the fault that the environment names, as soon as the library module it sits in has been imported.

Python imports this file in every process that has this folder on PYTHONPATH, the harness's workers included; in one
that was forked, where the module may be there already (tests/support/starts), right after the fork.
"""

import importlib.abc
import importlib.util
import os
import sys

_LIBRARIES = ("diffusers", "transformers")


class _Planter(importlib.abc.MetaPathFinder):
    def __init__(self, fault):
        self._fault = fault

    def find_spec(self, name, path, target=None):
        if not self._is_library(name):
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            self._after(spec.loader)
        return spec

    def plant_in_what_is_there(self):
        for name in [name for name in sys.modules if self._is_library(name)]:
            self._plant(sys.modules[name])

    def _is_library(self, name):
        return name.partition(".")[0] in _LIBRARIES and name.rpartition(".")[2] == self._fault.library

    def _after(self, loader):
        execute = loader.exec_module

        def exec_module(module):
            execute(module)
            self._plant(module)

        loader.exec_module = exec_module

    def _plant(self, module):
        from tests.support.faults.plants import plant

        plant(self._fault.name, module)


def _begin():
    name = os.environ.get("PLANTED_FAULT")
    if name:
        from tests.support.faults.catalogue import fault_named

        planter = _Planter(fault_named(name))
        planter.plant_in_what_is_there()
        sys.meta_path.insert(0, planter)


_begin()
