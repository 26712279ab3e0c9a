"""Runs in every process that has this folder on its PYTHONPATH: lets diffusers export a pipeline that misbehaves.

In one that was forked (tests/support/starts) diffusers is there already.
"""

import importlib.abc
import importlib.util
import os
import sys


class _AfterDiffusers(importlib.abc.MetaPathFinder):
    """Adds the pipeline once diffusers has been imported, as a patch of diffusers would."""

    def find_spec(self, name, path, target=None):
        if name != "diffusers":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            _export()

        spec.loader.exec_module = exec_module
        return spec


def _export():
    from misbehaving import Misbehaving

    # diffusers puts a lazy module in its own place.
    sys.modules["diffusers"].Misbehaving = Misbehaving


if "diffusers" in sys.modules:
    _export()
else:
    sys.meta_path.insert(0, _AfterDiffusers())

if "harness.worker" in sys.orig_argv:
    print("a site that prints while Python starts, without an end of line", end="", flush=True)
    if "TEST_DIES_AT_START" in os.environ:
        os.write(2, b"no libcuda here\n")
        os._exit(9)
