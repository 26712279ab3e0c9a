"""Detect which libraries are imported while a pipeline is loaded and runs."""

from __future__ import annotations

import contextlib
import importlib.machinery
import site
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import harness
from harness.worker.state.code import LIBRARIES

_LOADERS = (importlib.machinery.SourceFileLoader, importlib.machinery.ExtensionFileLoader)

_INSTALLED = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    *site.getsitepackages(),
    site.getusersitepackages(),
    str(Path(harness.__file__).parent),
)


@contextlib.contextmanager
def noticed(
    begun: Callable[[], None], ended: Callable[[list[str]], None], own: Callable[[str], None]
) -> Iterator[None]:
    """While open, `begun` is called before a library is imported, `ended` after it with the names of all modules.

    If one library imports others, they belong to it. The user's own files are not libraries: what they do when
    they are imported counts as part of the run; `own` is called with their names afterwards.
    """
    depth, names = 0, list[str]()

    def wrapped(execute: Callable[[Any, ModuleType], None]) -> Callable[[Any, ModuleType], None]:
        def exec_module(self: Any, module: ModuleType) -> None:
            nonlocal depth
            if not is_installed(module):
                execute(self, module)
                return own(module.__name__)
            if depth == 0:
                begun()
            depth += 1
            names.append(module.__name__)
            try:
                return execute(self, module)
            finally:
                depth -= 1
                if depth == 0:
                    ended(names[:])
                    names.clear()

        return exec_module

    with contextlib.ExitStack() as stack:
        for loader in _LOADERS:
            held, original = vars(loader).get("exec_module"), loader.exec_module
            loader.exec_module = wrapped(original)  # type: ignore[assignment,method-assign]
            if held is None:
                stack.callback(delattr, loader, "exec_module")
            else:
                stack.callback(setattr, loader, "exec_module", held)
        yield


def is_installed(module: ModuleType) -> bool:
    """Whether the module belongs to Python, to an installed distribution, or to the harness."""
    if module.__name__.partition(".")[0] in LIBRARIES:  # an editable install may link to a checkout
        return True
    origin = getattr(getattr(module, "__spec__", None), "origin", None)
    return origin is None or origin in ("built-in", "frozen") or origin.startswith(_INSTALLED)
