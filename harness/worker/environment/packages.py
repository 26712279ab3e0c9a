"""Find out from an error which package is not installed here."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterator
from importlib.util import find_spec

from diffusers import utils

# The messages of `requires_backends` in diffusers.utils.import_utils and transformers, and of pipelines that
# check for themselves.
_IN_WORDS = (
    re.compile(r"requires the `?(?P<name>[\w.-]+)`? library but it was not found"),
    re.compile(r"`(?P<name>[\w.-]+)` is not installed"),
)

# transformers 5 says this if torchvision is missing.
_MISLEADING = {"VIDEO_PROCESSOR_MAPPING": "torchvision"}


def missing_package(error: BaseException) -> str | None:
    """The missing package that caused `error`; None for any other error.

    If an installed package lacks a name or a module, that is different: after an upgrade it is a regression.
    So is an undefined name, unless the raising file defines it only if a package is installed, under
    `if is_..._available():` as diffusers' pipelines do.
    """
    return next(filter(None, map(_missing, _chain(error))), None)


def missing_name(error: BaseException) -> str:
    """The name that an import or a look-up did not find, the first of a chain; "" if `error` does not say."""
    root = list(_chain(error))[-1]
    if isinstance(root, ImportError):
        # Python 3.12 and later tell the name from the module that lacks it.
        return getattr(root, "name_from", None) or root.name or ""
    return (root.name or "") if isinstance(root, AttributeError | NameError) else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__


def _missing(error: BaseException) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        name = error.name.partition(".")[0]
        return None if _is_installed(name) else name
    if isinstance(error, ImportError):
        found = next(filter(None, (pattern.search(str(error)) for pattern in _IN_WORDS)), None)
        return found["name"].lower() if found else None
    if isinstance(error, NameError) and error.name:
        return _guarding_package(error, error.name)
    if isinstance(error, AttributeError):
        return next(
            (name for words, name in _MISLEADING.items() if words in str(error) and not _is_installed(name)),
            None,
        )
    return None


def _is_installed(name: str) -> bool:
    return find_spec(name) is not None


def _guarding_package(error: NameError, name: str) -> str | None:
    """The package without which the raising file does not define `name`."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return None
    source = "".join(linecache.getlines(trace.tb_frame.f_code.co_filename))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and name in _bound_by(node.body):
            for package in re.findall(r"is_(\w+)_available\(\)", ast.unparse(node.test)):
                if not getattr(utils, f"is_{package}_available", lambda: True)():
                    return str(package)
    return None


def _bound_by(body: list[ast.stmt]) -> set[str]:
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name.partition(".")[0] for node in imports for alias in node.names}
