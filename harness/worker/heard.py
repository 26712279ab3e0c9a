"""Collect what libraries warn of while a pipeline is loaded or run, the same whatever ran before in this process."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TextIO

import torch

from harness.worker.noise import in_brief, is_noise

MOST = 20
"""How many warnings of one load or run are kept; more are counted."""

# Each keeps its loggers apart from the root logger, or may: each is listened to by itself.
_LIBRARIES = ("accelerate", "diffusers", "huggingface_hub", "peft", "transformers")

_ONCE = ("warning_once", "info_once")

_TOLD_ALREADY = ("deprecation_warnings", "warnings_issued")
"""Attributes of tokenizers and models that remember what they have warned of."""


@dataclass(slots=True, eq=False)
class Heard:
    """What was warned of, in order, each thing once."""

    _texts: dict[str, None] = field(default_factory=dict)

    def add(self, library: str, text: str) -> None:
        """Take down a warning, unless it is known noise."""
        if not is_noise(library, text):
            self._texts[in_brief(f"{library}: {text}")] = None

    def sentences(self) -> tuple[str, ...]:
        """The warnings, of very many the first and how many there are more."""
        told = tuple(self._texts)
        more = len(told) - MOST
        return (*told[:MOST], f"and {more} more warnings, all in the worker's log") if more > 0 else told


_open: list[Heard] = []
"""Those that listen now, the innermost last: it alone hears."""


@contextmanager
def listening(heard: Heard) -> Iterator[None]:
    """While open, `heard` collects what Python's warnings and the libraries' loggers say, which the log has as well.

    What was said once in this process is said again. Inside another one, this one alone hears.
    """
    _forget_what_was_said()
    _open.append(heard)
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with _everything_shown(), _attached():
            yield
    finally:
        torch.set_warn_always(always)
        _open.pop()


@contextmanager
def _everything_shown() -> Iterator[None]:
    """While open, every warning is shown; filters that others add or take away are kept, for whoever looks for them."""
    with warnings.catch_warnings():
        # `default` would drop what the same line warned of in an earlier run.
        warnings.simplefilter("always")
        warnings.showwarning = _Shown(warnings.showwarning)
        before = list(warnings.filters)
        try:
            yield
        finally:
            after = list(warnings.filters)
    added, gone = (
        [one for one in ours if one not in theirs] for ours, theirs in ((after, before), (before, after))
    )
    if added or gone:
        warnings.filters[:] = [*added, *(one for one in warnings.filters if one not in gone)]  # type: ignore[index]


class _Shown:
    """Takes a Python warning down and writes it to the log, once."""

    def __init__(self, show: object) -> None:
        self._show = show
        self._seen = set[tuple[str, str, int]]()

    def __call__(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if _open and not _while_importing(sys._getframe(1)):
            _open[-1].add(_library_of(filename), in_words(str(message), category))
        key = (str(message), filename, lineno)
        if key not in self._seen:
            self._seen.add(key)
            self._show(message, category, filename, lineno, file, line)  # type: ignore[operator]


def in_words(text: str, category: type[Warning]) -> str:
    """The warning with its category, but for the one that says nothing."""
    return text if category is UserWarning else f"{category.__name__}: {text}"


class _Ear(logging.Handler):
    """Takes down what a logger says from WARNING on; several of these hear a record once."""

    def emit(self, record: logging.LogRecord) -> None:
        if _open and not getattr(record, "_heard", False):
            record._heard = True
            if not _while_importing(sys._getframe(1)):
                _open[-1].add(record.name.partition(".")[0], _message(record))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        # A message that does not fit its arguments is no reason for a run to fail, as in logging itself.
        return str(record.msg)


@contextmanager
def _attached() -> Iterator[None]:
    root = logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in _LIBRARIES)]
    ear, lowered = _Ear(logging.WARNING), dict[logging.Logger, int]()
    # What nobody handles goes to standard error, which the ear must not put an end to.
    spare = [logging.lastResort] if not root.handlers and logging.lastResort else []
    for logger in loggers:
        # A verbosity that the caller chose is about the log.
        if logger.getEffectiveLevel() > logging.WARNING:
            lowered[logger] = logger.level
            logger.setLevel(logging.WARNING)
        logger.addHandler(ear)
    for handler in spare:
        root.addHandler(handler)
    try:
        yield
    finally:
        for handler in (ear, *spare):
            root.removeHandler(handler)
        for logger in loggers:
            logger.removeHandler(ear)
            # What the run set itself stays, for whoever looks for what it left.
            if logger in lowered and logger.level == logging.WARNING:
                logger.setLevel(lowered[logger])


def forget_in(parts: Iterable[object]) -> None:
    """Let the components of a pipeline, which may have been used before, warn again of what they warned of."""
    for part in parts:
        for name in _TOLD_ALREADY:
            told = getattr(part, "__dict__", {}).get(name)
            if isinstance(told, dict):
                told.clear()


def _forget_what_was_said() -> None:
    """Let libraries that say a thing once say it again."""
    adapter = getattr(sys.modules.get("accelerate.logging"), "MultiProcessAdapter", None)
    inside = sys.modules.get("torch._logging._internal")
    for holder in (logging.Logger, adapter, inside):
        for name in _ONCE:
            clear = getattr(getattr(holder, name, None), "cache_clear", None)
            if clear is not None:
                clear()


def _while_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported, which happens once in a process, in whichever case comes first."""
    while frame is not None:
        if frame.f_code.co_name == "_find_and_load_unlocked":
            return True
        if frame.f_globals.get("__name__") == "harness.worker.execute":
            return False
        frame = frame.f_back
    return False


def _library_of(filename: str) -> str:
    """The package that a file belongs to, as it is imported; of the project's own files the name."""
    own = os.getcwd()
    for folder in sorted((folder for folder in sys.path if folder not in ("", own)), key=len, reverse=True):
        if filename.startswith(f"{folder}/"):
            return filename[len(folder) + 1 :].partition("/")[0].removesuffix(".py")
    return filename.rpartition("/")[2].removesuffix(".py") or "python"
