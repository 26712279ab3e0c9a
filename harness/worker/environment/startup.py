"""Import what every job needs, and say in one sentence what prevents it."""

from __future__ import annotations

import importlib
import re
import site
import sys
import traceback
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from harness.core.messages import CannotStart

# Both packages load their parts lazily; every job needs these.
_ASKED_FOR = {"transformers": "PreTrainedModel", "diffusers": "DiffusionPipeline"}

_NOT_AT_FAULT = ("", "__main__", "_frozen_importlib", "harness", "sitecustomize", "usercustomize")

_MOST_CHARACTERS = 300

_VERSION = re.compile(r"^__version__(?:\s*:\s*\w+)?\s*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)


class Unusable(Exception):
    """A package that every job needs cannot be used; the cause is the import's error."""

    def __init__(self, package: str) -> None:
        super().__init__(package)
        self.package = package


def bring_in(package: str) -> None:
    """Import `package` with the parts that every job needs; raises Unusable for any error."""
    try:
        module = importlib.import_module(package)
        if name := _ASKED_FOR.get(package):
            getattr(module, name)
    # A package may also call sys.exit.
    except (Exception, SystemExit) as error:
        raise Unusable(package) from error


def hindered(error: BaseException) -> CannotStart:
    """Log the traceback of an error that ended the start, and make the message for the parent."""
    traceback.print_exception((error.__cause__ or error) if isinstance(error, Unusable) else error)
    return obstacle(error)


def obstacle(error: BaseException) -> CannotStart:
    """The message for the parent about an error that ended the start."""
    if isinstance(error, Unusable) and error.__cause__ is not None:
        package, error = error.package, error.__cause__
    else:
        package = _package_at_fault(error)
    root = root_of(error)
    message = in_words(root)
    if (importer := _raised_in(root)) and importer != package:
        message += f" (imported by {' '.join(filter(None, (importer, version_of(importer))))})"
    return CannotStart(package, version_of(package) if package else "", message, _missing(root))


def root_of(error: BaseException) -> BaseException:
    """The first error of a chain: packages that load lazily wrap it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def in_words(error: BaseException) -> str:
    """The error on one line, with its type unless it is an ImportError."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = lines[0] if lines else ""
    if len(line) > _MOST_CHARACTERS:
        line = f"{line[: _MOST_CHARACTERS - 1]}…"
    if isinstance(error, ImportError) and line:
        return line
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def version_of(package: str) -> str:
    """The version of the package that would be imported, "" if unknown.

    Its own files take precedence: a copy on PYTHONPATH may shadow an installed one and have another version.
    """
    try:
        spec = find_spec(package)
        folder = Path(spec.origin).parent if spec is not None and spec.origin else None
        written = [_VERSION.search(file.read_text()) for file in _version_files(folder)]
        return next((found[1] for found in written if found), None) or metadata.version(package)
    except Exception:
        return ""


def failed_sites() -> tuple[str, ...]:
    """A sentence for each module that failed when Python imported it at its start, which ends no process."""
    names = ["sitecustomize", *(["usercustomize"] if site.ENABLE_USER_SITE else [])]
    return tuple(
        f"{name} raised an error when Python started, so its settings are not in effect; see the worker's log"
        for name in names
        if name not in sys.modules and not sys.flags.no_site and find_spec(name) is not None
    )


def _version_files(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield from (
            folder / name
            for name in ("__init__.py", "version.py", "_version.py")
            if (folder / name).is_file()
        )


def _package_at_fault(error: BaseException) -> str:
    """The package that `error` names, or whose code raised it first; "" if there is none."""
    if isinstance(error, ImportError) and error.name:
        return error.name.partition(".")[0]
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return error.obj.__name__.partition(".")[0]
    return next(_packages(error), "")


def _raised_in(error: BaseException) -> str:
    """The package whose code raised `error`; "" if no package's did."""
    return next(reversed(list(_packages(error))), "")


def _packages(error: BaseException) -> Iterator[str]:
    """The third-party packages whose code was running when `error` was raised, the outermost first."""
    for frame, _line in traceback.walk_tb(error.__traceback__):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in _NOT_AT_FAULT and package not in sys.stdlib_module_names:
            yield package


def _missing(error: BaseException) -> str:
    """The top-level module that is not installed, if `error` says so."""
    if not (isinstance(error, ModuleNotFoundError) and error.name):
        return ""
    name = error.name.partition(".")[0]
    try:
        return "" if find_spec(name) is not None else name
    except (ImportError, ValueError):
        return ""
